"""Why a copy cannot go on, or is not the same; the text is a sentence for whoever asked for it."""


class CopyFailed(Exception):
    """The copy cannot be made; what has been copied stays, and a later run goes on behind it."""


class CopyDiffers(CopyFailed):
    """The target holds something else than the source."""
