"""The picture that a game shows, such as that of an environment."""

import numpy as np

from crepe.dashboard.session_view import SessionView
from crepe.dashboard.views.view import View, ViewState
from crepe.messages import Image


class ImageView(View[None, int]):
    """The newest picture with its caption; cursor: its sample index."""

    name = "image"
    messages = ("Image",)
    history_s = 60.0  # only the newest is shown
    options = None
    cursor = 0

    def state(self, session: SessionView, options: None, cursor: int) -> ViewState:
        del options
        image = session.newest.get("Image")
        if not isinstance(image, Image) or image.stop == cursor:
            return ViewState({}, {}, cursor)
        is_picture = image.pixels.ndim == 3 and image.pixels.shape[2:] == (3,)
        if not is_picture:
            return ViewState({"caption": image.caption}, {}, image.stop)
        rows = image.pixels.astype(np.uint8).reshape(len(image.pixels), -1)
        return ViewState({"caption": image.caption}, {"image": rows}, image.stop)
