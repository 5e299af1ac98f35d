"""Harmonia for Python: libharmonia by ctypes, pictures as NumPy arrays.

    import harmonia
    with harmonia.Network() as network:      # the one that comes with it
        result = network.apply(image, mask)

Arrays are [height, width, 3 or more] in RGB, uint8, uint16 or float32 (0 to 1),
and masks [height, width] of any of these (or bool), white where the object is;
slices and transposed arrays are taken as they are. Calls let go of Python's lock:
threads may use one network at once, each the better with Network(threads=1).

The library is $HARMONIA_LIBRARY, or lies in a folder lib above this file, or where
the system looks for libraries. What the functions do says harmonia.h.
"""
import ctypes
import os
import pathlib

import numpy

_NAME = "libharmonia.so.0"
_TYPES = {numpy.dtype(name): i for i, name in enumerate(["uint8", "uint16", "float32"])}


class Error(Exception):
    """What the library refused, in its words; `status` is a harmonia_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class _View(ctypes.Structure):
    _fields_ = [("pixels", ctypes.c_void_p), ("width", ctypes.c_int), ("height", ctypes.c_int),
                ("type", ctypes.c_int), ("row", ctypes.c_ssize_t), ("pixel", ctypes.c_ssize_t),
                ("channel", ctypes.c_ssize_t)]


def _load():
    beside = (folder / "lib" / _NAME for folder in pathlib.Path(__file__).resolve().parents)
    found = os.environ.get("HARMONIA_LIBRARY") or next((str(p) for p in beside if p.exists()), _NAME)
    library = ctypes.CDLL(found)
    view, network = ctypes.POINTER(_View), ctypes.c_void_p
    for name, result, arguments in [
            ("error", ctypes.c_char_p, []),
            ("warnings", ctypes.c_char_p, []),
            ("version", ctypes.c_char_p, []),
            ("open", ctypes.c_int, [ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(network)]),
            ("open_score", ctypes.c_int, [ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(network)]),
            ("close", None, [network]),
            ("model", ctypes.c_char_p, [network]),
            ("size", ctypes.c_int, [network]),
            ("parameter_count", ctypes.c_size_t, [network]),
            ("apply", ctypes.c_int, [network, view, view, ctypes.POINTER(ctypes.c_float)]),
            ("score", ctypes.c_int, [network, view, view, ctypes.POINTER(ctypes.c_double)])]:
        function = getattr(library, "harmonia_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_library = _load()


def version():
    return _library.harmonia_version().decode()


def warnings():
    """What this thread's last call found odd: a list of lines."""
    return _library.harmonia_warnings().decode().splitlines()


def _check(status):
    if status != 0:
        raise Error(status, _library.harmonia_error().decode())


def _view(array, channels):
    """Of an array, which has to live as long as the view is used."""
    if array.dtype not in _TYPES or array.ndim != (3 if channels else 2) or (
            channels and array.shape[2] < channels):
        raise Error(1, "an array of %s %s; expected uint8, uint16 or float32 of [height, width%s]" % (
            array.dtype, list(array.shape), ", 3 or more" if channels else ""))
    return _View(array.ctypes.data, array.shape[1], array.shape[0], _TYPES[array.dtype],
                 *array.strides[:2], array.strides[2] if channels else 0)


class Network:
    """A trained network. `checkpoint`: its file, or None for the one that comes
    with the library; `threads`: that a call uses, 0 for all cores; `score`: for
    score() in the place of apply()."""

    def __init__(self, checkpoint=None, threads=0, score=False):
        self._network = ctypes.c_void_p()
        path = None if checkpoint is None else os.fsencode(checkpoint)
        opener = _library.harmonia_open_score if score else _library.harmonia_open
        _check(opener(path, threads, ctypes.byref(self._network)))
        self.model = _library.harmonia_model(self._network).decode()
        self.size = _library.harmonia_size(self._network)
        self.parameter_count = _library.harmonia_parameter_count(self._network)

    def close(self):
        network, self._network = self._network, ctypes.c_void_p()
        _library.harmonia_close(network)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_network", None):
            self.close()

    def change(self, image, mask):
        """Changes the object's colours in `image` itself; returns the numbers by
        which they were changed (harmonia_apply in harmonia.h)."""
        if not image.flags.writeable:
            raise Error(1, "the array is read-only; expected one to change, or apply()")
        mask = _mask(mask)
        numbers = numpy.empty(self.parameter_count, numpy.float32)
        _check(_library.harmonia_apply(
            self._network, ctypes.byref(_view(image, 3)), ctypes.byref(_view(mask, 0)),
            numbers.ctypes.data_as(ctypes.POINTER(ctypes.c_float))))
        return numbers

    def apply(self, image, mask):
        """A new image with the object's colours changed."""
        result = numpy.array(image)
        self.change(result, mask)
        return result

    def score(self, image, mask):
        """How well the object fits what is around it, 0 to 1."""
        image, mask, result = numpy.asarray(image), _mask(mask), ctypes.c_double()
        _check(_library.harmonia_score(self._network, ctypes.byref(_view(image, 3)),
                                       ctypes.byref(_view(mask, 0)), ctypes.byref(result)))
        return result.value


def _mask(mask):
    mask = numpy.asarray(mask)
    return mask * numpy.uint8(255) if mask.dtype == bool else mask
