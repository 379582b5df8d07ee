"""Put on a process's path: its JPEG decoder crashes on files with the comment `deadly`, as a broken decoder would.

One with `deadly only when scored` passes until it is decoded at the size that the model looks at.
"""

import os

from PIL import ImageFile

_load = ImageFile.ImageFile.load


def load(self):  # type: ignore[no-untyped-def]
    comment = self.info.get("comment", b"")
    if comment == b"deadly" or (comment == b"deadly only when scored" and self.size == (224, 224)):
        if os.environ.get("DEADLY") == "segv":
            import faulthandler

            faulthandler._sigsegv()  # type: ignore[attr-defined]
        os.abort()
    return _load(self)


ImageFile.ImageFile.load = load  # type: ignore[method-assign]
