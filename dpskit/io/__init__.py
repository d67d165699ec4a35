"""dpskit.io"""
