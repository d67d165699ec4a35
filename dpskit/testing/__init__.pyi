from .discovery import (
    all_estimators,
    all_instances,
    check_image_estimator,
    expected_failed_checks,
    parametrize_with_image_checks,
)
from .estimator_checks import image_checks

__all__ = [
    "all_estimators",
    "all_instances",
    "check_image_estimator",
    "expected_failed_checks",
    "image_checks",
    "parametrize_with_image_checks",
]
