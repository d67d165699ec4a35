"""dpskit.nn"""
