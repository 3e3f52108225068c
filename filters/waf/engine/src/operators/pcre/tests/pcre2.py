"""Answers what PCRE2 says of patterns, with the options of ModSecurity v3 (src/utils/regex.cc): DOTALL and MULTILINE.

Reads lines, `P` and a pattern or `I` and an input for the pattern before it, in hexadecimal. Writes a line for each: `ok` or `error`;
`none`, `limit`, or the places of the first ten groups as `start-end`, `-` where one took no part.
Ends with status 3 where there is no PCRE2.
"""

import ctypes
import ctypes.util
import sys

DOTALL, MULTILINE = 0x20, 0x400
NO_MATCH = -1
UNSET = ctypes.c_size_t(-1).value
GROUPS = 10

try:
    pcre2 = ctypes.CDLL(ctypes.util.find_library("pcre2-8") or "libpcre2-8.so.0")
except OSError:
    sys.exit(3)
pointer, size = ctypes.c_void_p, ctypes.c_size_t
pcre2.pcre2_compile_8.restype = pointer
pcre2.pcre2_compile_8.argtypes = [ctypes.c_char_p, size, ctypes.c_uint32, pointer, pointer, pointer]
pcre2.pcre2_code_free_8.argtypes = [pointer]
pcre2.pcre2_match_data_create_8.restype = pointer
pcre2.pcre2_match_data_create_8.argtypes = [ctypes.c_uint32, pointer]
pcre2.pcre2_match_8.argtypes = [pointer, ctypes.c_char_p, size, size, ctypes.c_uint32, pointer, pointer]
pcre2.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(size)
pcre2.pcre2_get_ovector_pointer_8.argtypes = [pointer]
data = pcre2.pcre2_match_data_create_8(1000, None)
places = pcre2.pcre2_get_ovector_pointer_8(data)


def compile_pattern(pattern):
    code, offset = ctypes.c_int(), size()
    return pcre2.pcre2_compile_8(
        pattern, len(pattern), DOTALL | MULTILINE, ctypes.byref(code), ctypes.byref(offset), None
    )


def match(pattern, text):
    count = pcre2.pcre2_match_8(pattern, text, len(text), 0, 0, data, None)
    if count < 0:
        return "none" if count == NO_MATCH else "limit"
    taken = [i < count and places[2 * i] != UNSET for i in range(GROUPS)]
    return ",".join(f"{places[2 * i]}-{places[2 * i + 1]}" if taken[i] else "-" for i in range(GROUPS))


pattern = None
for line in sys.stdin:
    text = bytes.fromhex(line[1:])
    if line[0] == "P":
        if pattern:
            pcre2.pcre2_code_free_8(pattern)
        pattern = compile_pattern(text)
        print("ok" if pattern else "error")
    else:
        print(match(pattern, text) if pattern else "none")
