"""Metrics as pytorch-fid, torch-fidelity and scikit-image compute them, and files of statistics."""

import numpy as np
import torchvision_stand_in  # noqa: F401, before what imports torchvision
from pytorch_fid.fid_score import calculate_frechet_distance
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric


def frechet(a, b):
    """pytorch-fid's distance of features [N, D] and [M, D]."""
    statistics = [part for x in (a, b) for part in (np.mean(x.numpy(), axis=0), np.cov(x.numpy(), rowvar=False))]
    return {"distance": float(calculate_frechet_distance(*statistics))}


def kid(real, fake):
    """torch-fidelity's KID of two sets of the same size, each as one subset."""
    options = {"kid_subsets": 1, "kid_subset_size": len(real), "verbose": False}
    return {"mean": kid_features_to_metric(fake, real, **options)["kernel_inception_distance_mean"]}


def inception_score(logits, splits):
    """torch-fidelity's, in the given order."""
    return isc_features_to_metric(logits, splits, shuffle=False)


def precision_recall(real, fake, neighbours):
    """torch-fidelity's."""
    return prc_features_to_metric(fake, real, prc_neighborhood=neighbours, verbose=False)


def similarity(x, y, data_range):
    """scikit-image's PSNR and SSIM of each pair of [B, C, h, w]."""
    pairs = [(p.permute(1, 2, 0).numpy(), q.permute(1, 2, 0).numpy()) for p, q in zip(x, y)]
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    return {
        "psnr": [float(peak_signal_noise_ratio(p, q, data_range=data_range)) for p, q in pairs],
        "ssim": [float(structural_similarity(p, q, data_range=data_range, **window)) for p, q in pairs],
    }


def save_npz(path, compressed=False, **arrays):
    """Writes a file as pytorch-fid and ADM do."""
    (np.savez_compressed if compressed else np.savez)(path, **{name: x.numpy() for name, x in arrays.items()})
    return {}
