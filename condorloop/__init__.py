"""condorloop: calibration loops on HTCondor."""


def __getattr__(name: str) -> str:
    """Give `__version__`, looked up when it is asked for: a node's script starts without it."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(__name__)
    except PackageNotFoundError:  # a checkout that is not installed
        return "0.2.0+checkout"
