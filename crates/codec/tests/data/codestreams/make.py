"""Makes the codestreams of this folder with other implementations.

Needs `opj_compress` (OpenJPEG), and from PyPI numpy, pyjpegls (CharLS) and imagecodecs (OpenJPH, libjxl).
"""

import pathlib
import subprocess
import tempfile

import imagecodecs
import jpeg_ls
import numpy

HERE = pathlib.Path(__file__).parent


def picture(width, height, components, bits):
    """What tests/codestreams.rs computes, too: waves, and every sixteen rows five with flat stretches."""
    y, x, c = numpy.mgrid[0:height, 0:width, 0:components].astype(numpy.int64)
    top = (1 << bits) - 1
    waves = (x * x // 3 + y * 11 + c * 17 + ((x * 7 ^ y * 13) & 3)) * max(1, top >> 6)
    flat = (x // 24 + c) * max(1, top // 5)
    value = numpy.where(y % 16 < 5, flat, waves) % (2 * top)
    return numpy.minimum(value, 2 * top - value)


def keep(kind, shape, bits, sign, extension, codestream, tolerance=0, sub=1):
    width, height, components = shape
    name = f"{kind}_{width}x{height}x{components}_{bits}{sign}_t{tolerance}_s{sub}.{extension}"
    (HERE / name).write_bytes(bytes(codestream))
    print(len(codestream), name)


def array(shape, bits):
    values = picture(*shape, bits)
    return numpy.ascontiguousarray(values[..., 0] if shape[2] == 1 else values, numpy.uint8 if bits <= 8 else numpy.uint16)


def jpeg_ls_codestreams():
    def encoded(values, near=0, mode=None):
        values = values.transpose(2, 0, 1) if mode == 0 else values
        return jpeg_ls.encode_array(numpy.ascontiguousarray(values), near, mode)

    grey = (61, 47, 1)
    for bits, near in [(8, 0), (8, 3), (16, 0), (16, 10)]:
        keep("charls", grey, bits, "u", "jls", encoded(array(grey, bits), near), near)
    for mode, kind in enumerate(["plane", "line", "sample"]):
        for near in [0, 2]:
            keep(f"charls-{kind}-near{near}", (61, 47, 3), 8, "u", "jls", encoded(array((61, 47, 3), 8), near, mode), near)
    keep("charls-sample", (40, 30, 4), 8, "u", "jls", encoded(array((40, 30, 4), 8), 0, 2))
    keep("charls-sample", (40, 30, 3), 16, "u", "jls", encoded(array((40, 30, 3), 16), 0, 2))
    # Restart markers: strips of ten lines, coded by themselves and put together.
    values = array((61, 50, 1), 8)
    strips = [encoded(values[top:top + 10]) for top in range(0, 50, 10)]
    data = lambda strip: bytes(strip[strip.index(b"\xff\xda") + 10:strip.rindex(b"\xff\xd9")])
    head = bytes(strips[0][:strips[0].index(b"\xff\xda") + 10]).replace(b"\xff\xf7\0\x0b\x08\0\x0a", b"\xff\xf7\0\x0b\x08\0\x32")
    head = head.replace(b"\xff\xda", b"\xff\xdd\0\x04\0\x0a\xff\xda")
    body = b"".join(bytes([0xFF, 0xCF + index]) * (index > 0) + data(strip) for index, strip in enumerate(strips))
    keep("charls-restarts", (61, 50, 1), 8, "u", "jls", head + body + b"\xff\xd9")


def openjpeg(kind, shape, bits, sign, options, tolerance=0, sub=1, extension="j2k"):
    width, height, components = shape
    values = picture(*shape, bits) - ((1 << (bits - 1)) if sign == "s" else 0)
    planes = [values[: height // sub, : width // sub, c] if c > 0 else values[..., c] for c in range(components)]
    kind_of = {("u", True): "u1", ("s", True): "i1", ("u", False): "<u2", ("s", False): "<i2"}[sign, bits <= 8]
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder) / "image.rawl"
        raw.write_bytes(b"".join(plane.astype(kind_of).tobytes() for plane in planes))
        sampling = ":".join(["1x1"] + [f"{sub}x{sub}"] * (components - 1))
        out = pathlib.Path(folder) / f"image.{extension}"
        subprocess.run(["opj_compress", "-i", raw, "-o", out, "-F", f"{width},{height},{components},{bits},{sign}@{sampling}",
                        *options.split()], check=True, stdout=subprocess.DEVNULL)
        keep(f"openjpeg-{kind}", shape, bits, sign, extension, out.read_bytes(), tolerance, sub)


def jpeg_2000_codestreams():
    grey, colour = (61, 47, 1), (61, 47, 3)
    openjpeg("plain", grey, 8, "u", "")
    openjpeg("plain", grey, 2, "u", "")
    openjpeg("plain", grey, 12, "s", "")
    openjpeg("tiles", grey, 16, "s", "-t 32,32 -p RPCL")
    openjpeg("precincts", colour, 8, "u", "-mct 1 -p CPRL -c [32,32],[16,16] -b 16,16 -SOP -EPH")
    openjpeg("layers", colour, 8, "u", "-mct 1 -r 8,4,1 -p PCRL -TP R -PLT")
    openjpeg("progression", colour, 8, "u", "-mct 1 -POC T1=0,0,1,3,3,CPRL/T1=3,0,1,6,3,RLCP")
    openjpeg("lossy", colour, 8, "u", "-mct 1 -I -q 45", tolerance=8)
    openjpeg("lossy", grey, 12, "u", "-I -q 50", tolerance=100)
    openjpeg("modes", grey, 8, "u", "-M 63")
    openjpeg("subsampled", (60, 46, 3), 8, "u", "-mct 0", sub=2)
    openjpeg("offset", grey, 8, "u", "-d 5,7 -t 32,32 -T 3,2")
    openjpeg("region", grey, 8, "u", "-ROI c=0,U=7")
    openjpeg("file", colour, 8, "u", "-mct 1", extension="jp2")
    openjpeg("four", (40, 30, 4), 8, "u", "-mct 0 -n 4")
    openjpeg("row", (61, 1, 1), 8, "u", "-n 1")
    openjpeg("column", (1, 47, 1), 8, "u", "-n 1")


def high_throughput_codestreams():
    for shape, bits in [((61, 47, 1), 8), ((61, 47, 1), 16), ((61, 47, 3), 8), ((70, 90, 1), 16)]:
        keep("openjph", shape, bits, "u", "jph.j2k", imagecodecs.htj2k_encode(array(shape, bits)))
    signed = (array((61, 47, 1), 16).astype(numpy.int32) - 32768).astype(numpy.int16)
    keep("openjph", (61, 47, 1), 16, "s", "jph.j2k", imagecodecs.htj2k_encode(signed))


def jpeg_xl_codestreams():
    for shape, bits in [((61, 47, 1), 8), ((61, 47, 1), 10), ((61, 47, 1), 16), ((61, 47, 3), 8), ((300, 20, 3), 12)]:
        codestream = imagecodecs.jpegxl_encode(array(shape, bits), lossless=True, bitspersample=bits)
        keep("libjxl", shape, bits, "u", "jxl", codestream)
    keep("libjxl-container", (61, 47, 1), 8, "u", "jxl",
         imagecodecs.jpegxl_encode(array((61, 47, 1), 8), lossless=True, usecontainer=True))
    keep("libjxl-lossy", (61, 47, 3), 8, "u", "jxl", imagecodecs.jpegxl_encode(array((61, 47, 3), 8), distance=0.3), 60)


if __name__ == "__main__":
    for old in HERE.glob("*_t*_s*.*"):
        old.unlink()
    jpeg_ls_codestreams()
    jpeg_2000_codestreams()
    high_throughput_codestreams()
    jpeg_xl_codestreams()
