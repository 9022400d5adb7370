"""The grey pipeline of PS3.4 N.2 and PS3.3 C.11, written with numpy and nothing of ours: what a rendered frame must be."""

import warnings

import numpy as np


class Unusable(Exception):
    """The reference cannot say: not grey, or not decodable here."""


def group(data, frame: int, name: str):
    """A functional group's item for a frame from 1: its own, else the shared one, else the data set."""
    for sequence, index in (("PerFrameFunctionalGroupsSequence", frame - 1), ("SharedFunctionalGroupsSequence", 0)):
        items = getattr(data, sequence, None) or []
        inner = getattr(items[index], name, None) if index < len(items) else None
        if inner:
            return inner[0]
    return data


def first(item, keyword: str):
    value = getattr(item, keyword, None)
    if value is None or (hasattr(value, "__len__") and not isinstance(value, (str, bytes)) and len(value) == 0) or value == "":
        return None
    return float(value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value)


def stored(data, frame: int) -> np.ndarray:
    """Stored values of a frame, masked and with their sign."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pixels = data.pixel_array
        except Exception as error:
            raise Unusable(str(error)) from error
    if int(getattr(data, "NumberOfFrames", None) or 1) > 1:
        pixels = pixels[frame - 1]
    if pixels.ndim != 2:
        raise Unusable("colour")
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float64)
    bits, high = int(data.BitsStored), int(data.HighBit)
    width = int(data.BitsAllocated)
    shift = high + 1 - bits if high + 1 >= bits and high < width else 0
    raw = (pixels.astype(np.int64) >> shift) & ((1 << bits) - 1)
    if int(data.PixelRepresentation) == 1:
        raw = np.where(raw >= 1 << (bits - 1), raw - (1 << bits), raw)
    return raw.astype(np.float64)


def table(item, signed: bool):
    """First input, bits and entries of a LUT item."""
    entries, start, bits = (int(n) for n in item.LUTDescriptor)
    entries = (entries & 0xFFFF) or 65_536
    if signed and start > 0x7FFF:
        start -= 65_536
    data = item.LUTData
    if isinstance(data, bytes):
        packed = bits <= 8 and len(data) <= entries + 1
        values = np.frombuffer(data, np.uint8 if packed else "<u2")
    else:
        values = np.array(data, np.int64) & 0xFFFF
    return start, max(bits, 8), values[:entries].astype(np.float64)


def look_up(values: np.ndarray, start: int, entries: np.ndarray) -> np.ndarray:
    index = np.clip(np.floor(values + 0.5) - start, 0, len(entries) - 1)
    return entries[index.astype(np.int64)]


def window(x: np.ndarray, center: float, width: float, function: str = "LINEAR") -> np.ndarray:
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, to 0..255."""
    if function == "SIGMOID":
        return 255 / (1 + np.exp(-4 * (x - center) / width))
    if function == "LINEAR_EXACT":
        low, high = center - width / 2, center + width / 2
        between = ((x - center) / width + 0.5) * 255
    else:
        low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
        between = ((x - (center - 0.5)) / (width - 1) + 0.5) * 255 if width > 1 else x
    return np.where(x <= low, 0.0, np.where(x > high, 255.0, between))


def rendered(data, frame: int = 1, asked=None) -> np.ndarray:
    """The 8-bit picture of a frame; `asked` is (center, width, function) of a request."""
    values = stored(data, frame)
    signed = int(getattr(data, "PixelRepresentation", 0)) == 1
    padding = np.isnan(values)
    if first(data, "PixelPaddingValue") is not None and values.dtype == np.float64 and "PixelData" in data:
        fix = lambda n: n - 65_536 if signed and n > 32_767 else n  # noqa: E731
        ends = [fix(first(data, "PixelPaddingValue"))]
        ends.append(fix(first(data, "PixelPaddingRangeLimit")) if first(data, "PixelPaddingRangeLimit") is not None else ends[0])
        padding |= (values >= min(ends)) & (values <= max(ends))
    transformation = group(data, frame, "PixelValueTransformationSequence")
    if getattr(transformation, "ModalityLUTSequence", None):
        start, _, entries = table(transformation.ModalityLUTSequence[0], signed)
        values, negative = look_up(values, start, entries), False
    else:
        slope, intercept = first(transformation, "RescaleSlope") or 1.0, first(transformation, "RescaleIntercept") or 0.0
        values, negative = slope * values + intercept, signed or intercept < 0 or slope < 0
    voi = group(data, frame, "FrameVOILUTSequence")
    center, width = first(voi, "WindowCenter"), first(voi, "WindowWidth")
    function = str(getattr(voi, "VOILUTFunction", None) or "LINEAR")
    if asked:
        grey = window(values, *asked)
    elif center is not None and width is not None and width >= (1 if function == "LINEAR" else 1e-300):
        grey = window(values, center, width, function)
    elif getattr(voi, "VOILUTSequence", None):
        start, bits, entries = table(voi.VOILUTSequence[0], negative)
        grey = look_up(values, start, entries) * 255 / (2**bits - 1)
    elif int(getattr(data, "BitsStored", 0) or 0) == 1:
        grey = values * 255
    else:
        seen = values[~padding]
        low, high = (seen.min(), seen.max()) if seen.size else (0, 0)
        grey = (values - low) / (high - low) * 255 if high > low else np.zeros_like(values)
    if data.PhotometricInterpretation == "MONOCHROME1" or getattr(data, "PresentationLUTShape", "") == "INVERSE":
        grey = 255 - grey
    grey = np.where(padding, 0.0, np.clip(grey, 0, 255))
    return np.floor(grey + 0.5).astype(np.uint8)
