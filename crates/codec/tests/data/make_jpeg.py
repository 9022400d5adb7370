"""Makes the JPEG files of this folder and what libjpeg-turbo 3 reads in them (see README.md).

    python make_jpeg.py        needs numpy, Pillow, imagecodecs, and cjpeg and jpegtran of libjpeg-turbo
"""

import hashlib
import io
import pathlib
import struct
import subprocess

import imagecodecs
import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parent / "jpeg"
ROWS = []
ZIGZAG = sorted(range(64), key=lambda n: (n // 8 + n % 8, n // 8 if (n // 8 + n % 8) % 2 else n % 8))


def picture(width, height, components, bits, seed=1):
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for n in range(components):
        wave = (np.sin(x / (4 + n)) + np.cos(y / (6 - n)) + np.sin(x * y / 90 + n)) / 6 + 0.5
        plane = wave * (2**bits - 1) + noise.normal(0, 2**bits / 60, (height, width))
        planes.append(np.clip(plane, 0, 2**bits - 1))
    return np.stack(planes, -1).astype("u1" if bits <= 8 else "<u2")


def raw(data, components):
    """libjpeg-turbo's samples: no conversion of colours."""
    space = {1: "GRAYSCALE", 3: "YCBCR", 4: "CMYK"}[components]
    return np.asarray(imagecodecs.jpeg8_decode(data, colorspace=space, outcolorspace=space))


def keep(name, data, bits, components, expected=None):
    samples = raw(data, components) if expected is None else expected
    height, width = samples.shape[:2]
    samples = samples.astype("u1" if bits <= 8 else "<u2")
    (FOLDER / f"{name}.jpg").write_bytes(data)
    ROWS.append((name, width, height, components, bits, hashlib.sha256(samples.tobytes()).hexdigest()))
    return samples


def pillow(image, **options):
    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(out, "JPEG", **options)
    return out.getvalue()


def run(*command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def netpbm(image):
    height, width, components = image.shape
    return b"P%d %d %d 255\n" % (5 if components == 1 else 6, width, height) + image.tobytes()


def eight():
    grey, colour = picture(61, 43, 1, 8), picture(61, 43, 3, 8)
    keep("grey", pillow(grey, quality=80), 8, 1)
    keep("grey_quality_1", pillow(grey, quality=1), 8, 1)
    keep("grey_quality_100", pillow(grey, quality=100), 8, 1)
    keep("grey_1x1", pillow(grey[:1, :1]), 8, 1)
    keep("noise", pillow(np.random.default_rng(3).integers(0, 2, (40, 40, 1)).astype("u1") * 255, quality=95), 8, 1)
    for number, name in enumerate(("444", "422", "420")):
        keep(f"colour_{name}", pillow(colour, quality=85, subsampling=number), 8, 3)
        keep(f"progressive_{name}", pillow(colour, quality=85, subsampling=number, progressive=True), 8, 3)
    keep("progressive_grey", pillow(grey, quality=92, progressive=True), 8, 1)
    keep("progressive_restart", pillow(colour, quality=75, progressive=True, restart_marker_rows=1), 8, 3)
    keep("restart_each", pillow(colour, quality=75, subsampling=2, restart_marker_blocks=1), 8, 3)
    keep("restart_five", pillow(grey, quality=75, restart_marker_blocks=5), 8, 1)
    keep("optimised", pillow(colour, quality=75, optimize=True), 8, 3)
    for width in (1, 2, 3, 4, 5, 15, 16, 17):
        keep(f"edge_{width}", pillow(colour[: 20 - width, :width], quality=70, subsampling=2), 8, 3)
    factors = {
        "440": "1x2,1x1,1x1", "411": "4x1,1x1,1x1", "410": "4x2,1x1,1x1", "441": "1x4,1x1,1x1",
        "mixed": "2x2,2x1,1x2", "coarse_luminance": "1x1,2x2,2x1", "grey_2x2": None,
    }
    for name, sample in factors.items():
        image = colour if sample else grey
        keep(f"factors_{name}", run("cjpeg", "-quality", "80", "-sample", sample or "2x2", data=netpbm(image)), 8, image.shape[2])
    keep("rgb", run("cjpeg", "-quality", "80", "-rgb", data=netpbm(colour)), 8, 3)
    keep("wide_tables", run("cjpeg", "-quality", "3", data=netpbm(colour)), 8, 3)
    source = pillow(colour, quality=85, subsampling=2)
    scripts = {
        "scans_apart": "0; 1; 2;",
        "scans_two": "0; 1 2;",
        "scans_reversed": "2; 1; 0;",
        "progressive_script": "0 1 2: 0-0, 0, 2; 0: 1-9, 0, 3; 1: 1-63, 0, 1; 2: 1-63, 0, 0; 0: 10-63, 0, 3; 0: 1-63, 3, 2;"
        "0 1 2: 0-0, 2, 1; 0: 1-63, 2, 1; 0 1 2: 0-0, 1, 0; 0: 1-63, 1, 0; 1: 1-63, 1, 0;",
    }
    for name, script in scripts.items():
        path = pathlib.Path("/tmp/scans.txt")
        path.write_text(script)
        keep(name, run("jpegtran", "-scans", str(path), data=source), 8, 3)
    keep("cmyk", cmyk(picture(33, 21, 4, 8)), 8, 4)
    whole = pillow(grey, quality=80)
    expected = raw(whole, 1)
    keep("no_eoi", whole[:-2], 8, 1, expected)
    keep("trailing", whole + bytes(7), 8, 1, expected)
    keep("dnl", dnl(whole), 8, 1, expected)
    keep("garbage_between_markers", whole[:2] + b"\0\1\2" + whole[2:20] + b"\xff\xff\xff\xff" + whole[20:], 8, 1, expected)


def cmyk(image):
    out = io.BytesIO()
    Image.fromarray(image, "CMYK").save(out, "JPEG", quality=80)
    return out.getvalue()


def dnl(data):
    """The height moves from the frame header to a DNL segment."""
    at = data.index(b"\xff\xc0") + 5
    height = data[at : at + 2]
    return data[:at] + b"\0\0" + data[at + 2 : -2] + b"\xff\xdc\0\4" + height + data[-2:]


def twelve():
    for name, image in (("grey", picture(61, 43, 1, 12)), ("colour", picture(40, 27, 3, 12))):
        space = "GRAYSCALE" if name == "grey" else "YCBCR"
        for level in (30, 95):
            data = imagecodecs.jpeg8_encode(image.squeeze(), level, colorspace=space, outcolorspace=space, bitspersample=12)
            keep(f"twelve_{name}_{level}", data, 12, image.shape[2])
    data = imagecodecs.jpeg8_encode(picture(41, 27, 3, 12), 80, subsampling="420", bitspersample=12)
    keep("twelve_420", data, 12, 3)
    keep("twelve_progressive", progressive_twelve(), 12, 1)
    # SOF1 with 8 bits, and quantisation tables of 16 bits.
    image = pillow(picture(30, 20, 1, 8), quality=60)
    keep("extended_eight", image.replace(b"\xff\xc0", b"\xff\xc1"), 8, 1)
    at = image.index(b"\xff\xdb")
    table = image[at + 5 : at + 69]
    wide = b"\xff\xdb" + struct.pack(">HB64H", 131, 0x10, *table)
    keep("wide_quantisation", (image[:at] + wide + image[at + 69 :]).replace(b"\xff\xc0", b"\xff\xc1"), 8, 1)


class Bits:
    def __init__(self):
        self.text = []

    def put(self, value, length):
        if length:
            self.text.append(format(value & ((1 << length) - 1), f"0{length}b"))

    def done(self):
        text = "".join(self.text)
        text += "1" * (-len(text) % 8)
        return bytes(int(text[n : n + 8], 2) for n in range(0, len(text), 8)).replace(b"\xff", b"\xff\0")


def segment(code, payload):
    return bytes([0xFF, code]) + struct.pack(">H", len(payload) + 2) + payload


def flat_table(slot, symbols):
    """All codes of the same length: a symbol's code is its place."""
    length = len(symbols).bit_length()
    counts = bytes(len(symbols) if n + 1 == length else 0 for n in range(16))
    return segment(0xC4, bytes([slot]) + counts + bytes(symbols)), length


def number(bits, value, table, length, prefix=0):
    size = abs(value).bit_length()
    bits.put(table.index(prefix | size), length)
    bits.put(value if value >= 0 else value - 1, size)


def progressive_twelve():
    """Sparse coefficients: a DC scan, its refinement, two bands of AC."""
    noise = np.random.default_rng(5)
    blocks = np.zeros((3 * 2, 64), int)
    blocks[:, 0] = noise.integers(-900, 900, 6)
    for block in blocks:
        block[noise.integers(1, 64, 9)] = noise.integers(-40, 40, 9)
    dc, ac = list(range(13)), [0, *(r << 4 | s for r in range(16) for s in range(1, 10)), 0xF0]
    dc_table, dc_length = flat_table(0x00, dc)
    ac_table, ac_length = flat_table(0x10, ac)
    out = b"\xff\xd8" + segment(0xDB, bytes([0]) + bytes(range(3, 67)))
    out += segment(0xC2, struct.pack(">BHHB3B", 12, 15, 23, 1, 1, 0x11, 0)) + dc_table + ac_table
    for start, end, high, low in ((0, 0, 0, 1), (1, 20, 0, 0), (0, 0, 1, 0), (21, 63, 0, 0)):
        bits, before = Bits(), 0
        for block in blocks:
            if start == 0 and high == 0:
                number(bits, (int(block[0]) >> low) - before, dc, dc_length)
                before = int(block[0]) >> low
            elif start == 0:
                bits.put(int(block[0]) & 1, 1)
            else:
                run = 0
                for value in map(int, block[start : end + 1]):
                    if value == 0:
                        run += 1
                        continue
                    while run > 15:
                        bits.put(ac.index(0xF0), ac_length)
                        run -= 16
                    number(bits, value, ac, ac_length, run << 4)
                    run = 0
                if run:
                    bits.put(ac.index(0), ac_length)
        out += segment(0xDA, bytes([1, 1, 0, start, end, high << 4 | low])) + bits.done()
    return out + b"\xff\xd9"


def predict(predictor, left, up, corner):
    return {
        1: left, 2: up, 3: corner, 4: left + up - corner, 5: left + ((up - corner) >> 1),
        6: up + ((left - corner) >> 1), 7: (left + up) >> 1,
    }[predictor]


def lossless(image, bits, predictor, low=0, rows=0, apart=False):
    """SOF3; `low` is the point transform, `rows` a restart interval."""
    height, width, components = image.shape
    table, length = flat_table(0x00, list(range(17)))
    out = b"\xff\xd8" + segment(0xC3, struct.pack(">BHHB", bits, height, width, components) + b"".join(bytes([n, 0x11, 0]) for n in range(components)))
    out += table
    if rows:
        out += segment(0xDD, struct.pack(">H", rows * width))
    whole = image.astype(int) >> low
    for parts in [[n] for n in range(components)] if apart else [list(range(components))]:
        out += segment(0xDA, bytes([len(parts)]) + b"".join(bytes([n, 0]) for n in parts) + bytes([predictor, 0, low]))
        coded = Bits()
        for y in range(height):
            first = y == 0 or (rows and y % rows == 0)
            if first and y:
                out += coded.done() + bytes([0xFF, 0xD0 | (y // rows - 1) % 8])
                coded = Bits()
            for x in range(width):
                for n in parts:
                    here = whole[:, :, n]
                    if first:
                        guess = here[y, x - 1] if x else 1 << (bits - low - 1)
                    else:
                        guess = predict(predictor, here[y, x - 1], here[y - 1, x], here[y - 1, x - 1]) if x else here[y - 1, x]
                    difference = (int(here[y, x]) - int(guess) + 32768) % 65536 - 32768
                    if difference == -32768:
                        coded.put(16, length)
                    else:
                        number(coded, difference, list(range(17)), length)
        out += coded.done()
    return out + b"\xff\xd9"


def without_loss():
    for bits in (2, 8, 12, 16):
        image = picture(37, 23, 1, bits)
        for predictor in range(1, 8):
            data = imagecodecs.jpeg8_encode(image.squeeze(), lossless=True, predictor=predictor, bitspersample=bits)
            samples = keep(f"lossless_{bits}_{predictor}", data, bits, 1)
            assert (samples == image.squeeze()).all()
    extreme = np.random.default_rng(9).choice(np.array([0, 1, 32767, 32768, 65535], "<u2"), (9, 11, 1))
    for predictor in range(1, 8):
        samples = keep(f"lossless_extreme_{predictor}", lossless(extreme, 16, predictor), 16, 1)
        assert (samples == extreme.squeeze()).all()
    grey, colour = picture(21, 13, 1, 16), picture(21, 13, 3, 8)
    for predictor in (1, 4, 6, 7):
        samples = keep(f"lossless_restart_{predictor}", lossless(grey, 16, predictor, rows=2), 16, 1)
        assert (samples == grey.squeeze()).all()
        samples = keep(f"lossless_colour_{predictor}", lossless(colour, 8, predictor, rows=5), 8, 3)
        assert (samples == colour).all()
        keep(f"lossless_point_{predictor}", lossless(grey, 16, predictor, low=3), 16, 1)
    keep("lossless_apart", lossless(colour, 8, 5, apart=True), 8, 3)


def written():
    """What Pillow (libjpeg-turbo) writes of a picture that the test makes too."""
    y, x = np.mgrid[0:27, 0:35]
    colour = np.stack([x * 5 + y * 3, x * y, (x ^ y) * 4], -1).astype("u1")
    for name, image, quality, number in (
        ("grey", colour[..., 0], 75, 0), ("444", colour, 92, 0), ("422", colour, 75, 1), ("420", colour, 30, 2),
    ):
        out = io.BytesIO()
        Image.fromarray(image).save(out, "JPEG", quality=quality, subsampling=number)
        (FOLDER / f"written_{name}.bin").write_bytes(out.getvalue())


FOLDER.mkdir(exist_ok=True)
for old in FOLDER.glob("*.jpg"):
    old.unlink()
eight()
twelve()
without_loss()
written()
with (FOLDER / "expected.tsv").open("w") as out:
    for row in ROWS:
        print(*row, sep="\t", file=out)
print(len(ROWS), "files")
