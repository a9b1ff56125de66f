"""SciPy, PyTorch and Pillow: what the pieces of a picture's degradation are, and maps of numbers."""

import io

import numpy
import torch
from PIL import Image
from scipy import ndimage, stats


def anisotropic(size, theta, l1, l2):
    """A Gaussian with the variances l1 along theta and l2 across it, by its density at each pixel."""
    turn = numpy.array([[numpy.cos(theta), -numpy.sin(theta)], [numpy.sin(theta), numpy.cos(theta)]])
    density = stats.multivariate_normal(mean=[0, 0], cov=turn @ numpy.diag([l1, l2]) @ turn.T).pdf
    middle = (size - 1) / 2
    kernel = numpy.array([[density([x - middle, y - middle]) for x in range(size)] for y in range(size)])
    return {"kernel": torch.from_numpy(kernel / kernel.sum())}


def convolve(x, kernel):
    """Each plane of [B, C, h, w] convolved, mirrored at its borders."""
    planes = [ndimage.convolve(plane, kernel.numpy(), mode="mirror") for plane in x.flatten(0, 1).numpy()]
    return {"y": torch.from_numpy(numpy.stack(planes)).reshape(x.shape)}


def interpolate(x, size, mode):
    return {"y": torch.nn.functional.interpolate(x, size=tuple(size), mode=mode)}


def jpeg(x, quality):
    """Pictures [B, 3, h, w] written with colours at half the size, and read."""
    decoded = []
    for pixels in x.permute(0, 2, 3, 1).numpy():
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        decoded.append(numpy.asarray(Image.open(file)))
    return {"y": torch.from_numpy(numpy.stack(decoded)).permute(0, 3, 1, 2).contiguous()}


def index_map(data, mode, width=None, height=None):
    """A PNG of the numbers in a mode, L, P or 1, with a palette of any colours; and the numbers resized by NEAREST."""
    image = Image.fromarray(data.numpy())
    resized = image.resize((width, height), Image.Resampling.NEAREST)
    if mode == "P":
        image.putpalette([(7 * i + 5) % 256 for i in range(768)])
    elif mode == "1":
        image = Image.fromarray(data.numpy() > 0)
    file = io.BytesIO()
    image.save(file, "PNG")
    return {
        "file": torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8),
        "resized": torch.from_numpy(numpy.asarray(resized).copy()),
        "mode": image.mode,
    }


def read_map(file):
    with Image.open(io.BytesIO(file.numpy().tobytes())) as image:
        return {"data": torch.from_numpy(numpy.asarray(image).copy()), "mode": image.mode}
