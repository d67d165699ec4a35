"""Resolution extension for fluorescence microscopy, with proof.

Sub-packages, from the ground up:

======================  =====================================================
``dpskit.psf``          optics, point spread functions, transfer functions
``dpskit.metrics``      resolution and fidelity, as pure functions
``dpskit.io``           TIFF in and out, axes and pixel size kept
``dpskit.nn``           the Res-U-DBPN network, its losses, training, tiles
``dpskit.preprocessing``  resampling, normalisation, background, PSF width
``dpskit.synth``        simulated structures, optics and cameras
``dpskit.weights``      the networks that ship with the package
``dpskit.baselines``    the classical methods, one interface
``dpskit.testing``      checks for your own estimators
======================  =====================================================

The estimators are importable from here; nothing heavy is imported before
its first use.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
