"""dpskit.baselines"""
