"""dpskit.synth"""
