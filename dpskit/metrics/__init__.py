"""dpskit.metrics"""
