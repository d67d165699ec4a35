"""dpskit.preprocessing"""
