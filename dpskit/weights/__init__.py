"""dpskit.weights"""
