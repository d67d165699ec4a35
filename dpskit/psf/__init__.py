"""dpskit.psf"""
