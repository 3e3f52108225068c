//! Best-fit mapping of code points to US-ASCII, for `%uXXXX`.
//!
//! Source: ModSecurity's `unicode.mapping`, code page 20127, the one that `modsecurity.conf-recommended` selects with
//! `SecUnicodeMapFile`. Its rows `ff01` to `ff5e` (full-width forms) are left out: what the decoder does with an
//! unmapped full-width form gives the same bytes.

/// Which table `urlDecodeUni` asks before it takes the low byte of a `%uXXXX` escape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum UnicodeMap {
    /// Code page 20127 (US-ASCII): `SecUnicodeMapFile unicode.mapping 20127`.
    #[default]
    UsAscii,
    /// No table: ModSecurity without `SecUnicodeMapFile`.
    None,
}

impl UnicodeMap {
    /// The byte that `code` is read as by a best-fit decoder, if the table names one.
    #[must_use]
    pub fn lookup(self, code: u16) -> Option<u8> {
        if self == Self::None {
            return None;
        }
        let index = usize::from(code.checked_sub(DENSE_START)?);
        if let Some(&byte) = DENSE.get(index) {
            return (byte != 0).then_some(byte);
        }
        let found = SPARSE.binary_search_by_key(&code, |&(key, _)| key).ok()?;
        SPARSE.get(found).map(|&(_, byte)| byte)
    }
}

const DENSE_START: u16 = 0x00a0;

/// Code points `00a0` to `01f0`; zero where the table has no row.
static DENSE: &[u8] = b"\
    \x20!c\0$Y|\0\0Ca<\0-R\0\0\x0023\0\0\0.,1o>\0\0\0\0AAAAAAACEEEEIIIIDNOOOOO\0OUUUUY\0\0\
    aaaaaaaceeeeiiii\0nooooo\0ouuuuy\0yAaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGg\
    GgGgHhHhIiIiIiIiIi\0\0JjKk\0LlLlLl\0\0LlNnNnNn\0\0\0OoOoOoOoRrRrRrSsSsSs\
    SsTtTtTtUuUuUuUuUuUuWwYyYZ\0ZzZz\0b\0\0\0\0\0\0\0\0D\0\0\0\0\0\0\0Ff\0\0\0\0I\0\0l\0\0\0\0O\
    Oo\0\0\0\0\0\0\0\0\0t\0\0TUu\0\0\0\0\0z\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0AaIiOoUuUuUuUuUu\0Aa\
    \0\0\0\0GgGgKkOoOo\0\0j\
";

static SPARSE: &[(u16, u8)] = &[
    (0x0261, b'g'),
    (0x02b9, b'\''),
    (0x02ba, b'"'),
    (0x02bc, b'\''),
    (0x02c4, b'^'),
    (0x02c6, b'^'),
    (0x02c8, b'\''),
    (0x02cb, b'`'),
    (0x02cd, b'_'),
    (0x02dc, b'~'),
    (0x0300, b'`'),
    (0x0302, b'^'),
    (0x0303, b'~'),
    (0x030e, b'"'),
    (0x0331, b'_'),
    (0x0332, b'_'),
    (0x2000, b' '),
    (0x2001, b' '),
    (0x2002, b' '),
    (0x2003, b' '),
    (0x2004, b' '),
    (0x2005, b' '),
    (0x2006, b' '),
    (0x2010, b'-'),
    (0x2011, b'-'),
    (0x2013, b'-'),
    (0x2014, b'-'),
    (0x2018, b'\''),
    (0x2019, b'\''),
    (0x201a, b','),
    (0x201c, b'"'),
    (0x201d, b'"'),
    (0x201e, b'"'),
    (0x2022, b'.'),
    (0x2026, b'.'),
    (0x2032, b'\''),
    (0x2035, b'`'),
    (0x2039, b'<'),
    (0x203a, b'>'),
    (0x2122, b'T'),
];
