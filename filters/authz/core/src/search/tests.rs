use super::*;

#[test]
fn texts_within_texts() {
    let cases: [(&str, &str, &[usize]); 8] = [
        ("", "", &[0]),
        ("", "a", &[]),
        ("ab", "", &[0, 1, 2]),
        ("a", "ab", &[]),
        ("sa/sa/sa", "sa/sa", &[0, 3]),
        ("aaa", "aa", &[0, 1]),
        ("Bearer x", "Bearer ", &[0]),
        ("xx Bearer x", "Bearer ", &[3]),
    ];
    for (text, part, expected) in cases {
        let (text, part) = (text.as_bytes(), part.as_bytes());
        assert_eq!(find_all(text, part).collect::<Vec<_>>(), expected, "{text:?} {part:?}");
        assert_eq!(find(text, part), expected.first().copied());
        if !part.is_empty() {
            assert_eq!(find(text, part), memchr::memmem::find(text, part));
        }
    }
}
