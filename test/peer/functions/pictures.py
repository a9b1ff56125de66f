"""Pillow: files to pixels and back, resizing. Pixels are [height, width, channels] of 8 bits."""

import io

import numpy
import torch
from PIL import Image, ImageOps


def decode(data, mode="RGBA", transpose=True):
    """The pixels of a file's bytes in a mode, turned as EXIF says."""
    with Image.open(io.BytesIO(data.numpy().tobytes())) as image:
        upright = ImageOps.exif_transpose(image) if transpose else image
        return {"pixels": array(upright.convert(mode)), "format": image.format, "mode": image.mode}


def encode(pixels, format, mode="RGB", orientation=None, options=None):
    """A file's bytes: PNG, JPEG, WEBP, GIF, BMP; `options` are Pillow's of `save`."""
    image = picture(pixels).convert(mode)
    options = dict(options or {})
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    image.save(file, format, **options)
    return {"data": torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)}


def resize(pixels, width, height, filter):
    """Resized with `filter` (bicubic, bilinear, box, …)."""
    resampling = Image.Resampling[filter.upper()]
    return {"pixels": array(picture(pixels).resize((width, height), resampling))}


def picture(pixels):
    return Image.fromarray(pixels.squeeze(-1).numpy() if pixels.shape[-1] == 1 else pixels.numpy())


def array(image):
    return torch.from_numpy(numpy.atleast_3d(numpy.asarray(image)).copy())
