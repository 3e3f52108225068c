//! Multipart bodies.

use super::*;

#[test]
fn multipart_parts() {
    let body = b"--0000\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n\r\n--0000\r\n\
        Content-Disposition: form-data; name=f; filename=\"x\\\"y.txt\"\r\nContent-Type: text/plain\r\n\r\n\
        data\r\n--0000\r\ncontent-disposition: form-data; name=\"e\"; filename=\"\"\r\n\r\n\r\n--0000--\r\n";
    let (lines, flags, result) = multipart(TYPE, body);
    assert_eq!(result, Ok(()));
    assert_eq!(
        lines,
        [
            "name a",
            "header a Content-Disposition: form-data; name=\"a\"",
            "a=1\r\n2\r\n",
            "name f",
            "filename x\"y.txt",
            "header f Content-Disposition: form-data; name=f; filename=\"x\\\"y.txt\"",
            "header f Content-Type: text/plain",
            "file f x\"y.txt \"data\"",
            "name e",
            "filename ",
            "header e content-disposition: form-data; name=\"e\"; filename=\"\"",
            "e=",
        ]
    );
    assert_eq!(flags, MultipartFlags { crlf_line: true, ..MultipartFlags::default() });
    assert!(!flags.strict_error());
    assert_eq!(multipart(TYPE, b""), (Vec::new(), MultipartFlags::default(), Ok(())));
}

#[test]
fn multipart_flags() {
    type Check = fn(&MultipartFlags) -> bool;
    const PART: &str = "Content-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n";
    let cases: &[(&str, String, Check)] = &[
        ("multipart/form-data; boundary=\"0000\"", format!("--0000\r\n{PART}--0000--\r\n"), |f| {
            f.boundary_quoted
        }),
        ("multipart/form-data; boundary =0000", format!("--0000\r\n{PART}--0000--\r\n"), |f| {
            f.boundary_whitespace
        }),
        ("multipart/form-data boundary=0000", format!("--0000\r\n{PART}--0000--\r\n"), |f| {
            f.missing_semicolon
        }),
        ("multipart/form-data; boundary=0000", format!("x\r\n--0000\r\n{PART}--0000--\r\n"), |f| {
            f.data_before
        }),
        ("multipart/form-data; boundary=0000", format!("--0000\r\n{PART}--0000--\r\nx"), |f| f.data_after),
        ("multipart/form-data; boundary=0000", format!("--0000\n{PART}--0000--\r\n"), |f| {
            f.lf_line && f.crlf_lf_lines()
        }),
        (
            "multipart/form-data; boundary=0000",
            "--0000\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\n1\r\n--0000--\r\n".to_owned(),
            |f| f.header_folding && !f.invalid_header_folding,
        ),
        (
            "multipart/form-data; boundary=0000",
            "--0000\r\nContent-Disposition: form-data;\r\n\x0cname=\"a\"\r\n\r\n1\r\n--0000--\r\n".to_owned(),
            |f| f.header_folding && f.invalid_header_folding,
        ),
        (
            "multipart/form-data; boundary=0000",
            "--0000\r\nContent-Disposition: form-data; name='a'\r\n\r\n1\r\n--0000--\r\n".to_owned(),
            |f| f.invalid_quoting,
        ),
        ("multipart/form-data; boundary=0000", format!("--0000\r\n--0000\r\n{PART}--0000--\r\n"), |f| {
            f.invalid_part
        }),
    ];
    for (content_type, body, flag) in cases {
        let (lines, flags, result) = multipart(content_type.as_bytes(), body.as_bytes());
        assert_eq!(result, Ok(()), "{content_type} {body:?}");
        assert!(lines.contains(&"a=1".to_owned()), "{content_type} {body:?}: {lines:?}");
        assert!(flag(&flags) && flags.strict_error(), "{content_type} {body:?}: {flags:?}");
    }
    // A quote inside double quotes is only a character.
    let body = b"--0000\r\nContent-Disposition: form-data; name=\"it's\"\r\n\r\n1\r\n--0000--\r\n";
    assert!(!multipart(TYPE, body).1.strict_error());
}

#[test]
fn multipart_unmatched_boundaries() {
    let part = |data: &str| format!("Content-Disposition: form-data; name=\"a\"\r\n\r\n{data}\r\n");
    let cases = [
        (format!("--0000\r\n{}--0000--\r\n", part("1")), UnmatchedBoundary::None),
        (format!("--0000\r\n{}--0000--\r\n", part("--1111")), UnmatchedBoundary::Enclosed),
        (format!("--0000\r\n{}--0000--\r\n", part("x--0000")), UnmatchedBoundary::Enclosed),
        (format!("--1111\r\n{}--0000\r\n{}", part("1"), part("2")), UnmatchedBoundary::Seen),
        (format!("--0000\r\n{}--1111--\r\n", part("1")), UnmatchedBoundary::Seen),
    ];
    for (body, expected) in cases {
        assert_eq!(multipart(TYPE, body.as_bytes()).1.unmatched_boundary, expected, "{body:?}");
    }
}

#[test]
fn multipart_errors() {
    let long = format!("X: {}", "a".repeat(4096));
    let bodies: &[(&str, BodyError)] = &[
        ("nothing here", BodyError::MultipartNoParts),
        ("--0000\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n", BodyError::MultipartIncomplete),
        ("--0000x\r\n", BodyError::MultipartBoundaryLine),
        ("-- 0000\r\n", BodyError::MultipartBoundaryLineWhitespace),
        ("--0000\r\n\r\n1\r\n", BodyError::MultipartNoDisposition),
        (
            "--0000\r\nContent-Disposition: form-data name=a\r\n\r\n",
            BodyError::MultipartDisposition(DispositionError::TypeEnd),
        ),
        (
            "--0000\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
            BodyError::MultipartDisposition(DispositionError::DuplicateName),
        ),
        (
            "--0000\r\nContent-Disposition: form-data; name=\"a\r\n\r\n",
            BodyError::MultipartDisposition(DispositionError::Unclosed),
        ),
        (
            "--0000\r\nContent-Disposition: form-data; what=a\r\n\r\n",
            BodyError::MultipartDisposition(DispositionError::Unknown),
        ),
        (
            "--0000\r\nContent-Disposition: attachment; name=a\r\n\r\n",
            BodyError::MultipartDisposition(DispositionError::Type),
        ),
        ("--0000\r\nContent-Disposition: form-data;\r\n\r\n", BodyError::MultipartNoName),
        ("--0000\r\n:\r\n", BodyError::MultipartHeaderName),
        ("--0000\r\nno colon\r\n", BodyError::MultipartHeaderColon),
        ("--0000\r\n folded\r\n", BodyError::MultipartHeaderFolding),
        ("--0000\r\nA\0: b\r\n", BodyError::MultipartHeaderNul),
        ("--0000\r\nA\x0e: b\r\n", BodyError::MultipartHeaderCharacter),
        ("--0000\r\nA: b\r\na: c\r\n", BodyError::MultipartDuplicateHeader),
        ("--0000\r\nB: b\r\nX-A: b\r\nC: d\r\nx-a: c\r\n", BodyError::MultipartDuplicateHeader),
    ];
    for (body, error) in bodies {
        let (_, flags, result) = multipart(TYPE, body.as_bytes());
        assert_eq!(result, Err(*error), "{body:?}");
        let incomplete = matches!(error, BodyError::MultipartIncomplete | BodyError::MultipartNoParts);
        assert_eq!(flags.error, !incomplete, "{body:?}");
    }
    let body = format!("--0000\r\n{long}\r\n");
    assert_eq!(multipart(TYPE, body.as_bytes()).2, Err(BodyError::MultipartHeaderTooLong));
    let types: &[(&str, BodyError)] = &[
        ("", BodyError::MultipartNoContentType),
        ("multipart/mixed; boundary=0000", BodyError::MultipartContentType),
        ("multipart/form-data", BodyError::MultipartNoBoundary),
        ("multipart/form-data; bOundAry=0000", BodyError::MultipartBoundaryCase),
        ("multipart/form-data; boundary=0000; boundary=1111", BodyError::MultipartManyBoundaries),
        ("multipart/form-data, boundary=0000", BodyError::MultipartBoundaryMalformed),
        ("multipart/form-data; boundary123=0000", BodyError::MultipartBoundaryParameter),
        ("multipart/form-data; boundary=\"0000", BodyError::MultipartBoundaryQuote),
        ("multipart/form-data; boundary=0000\"", BodyError::MultipartBoundaryQuote),
        ("multipart/form-data; boundary=0000!1111", BodyError::MultipartBoundaryCharacters),
        ("multipart/form-data; boundary=\"0000 \"", BodyError::MultipartBoundaryCharacters),
        ("multipart/form-data; boundary=", BodyError::MultipartBoundaryEmpty),
    ];
    for (content_type, error) in types {
        let (_, flags, result) = multipart(content_type.as_bytes(), b"--0000--\r\n");
        assert_eq!(result, Err(*error), "{content_type:?}");
        assert!(flags.strict_error(), "{content_type:?}");
    }
    for content_type in
        ["multipart/form-data; boundary=----boundary", "multipart/form-data; boundary=0000; charset=x"]
    {
        assert_ne!(multipart(content_type.as_bytes(), b"").2, Err(BodyError::MultipartManyBoundaries));
        assert_eq!(multipart(content_type.as_bytes(), b"").2, Ok(()), "{content_type}");
    }
}

#[test]
fn multipart_disposition_errors() {
    use DispositionError as E;
    const CASES: &[(&str, DispositionError, i8)] = &[
        ("attachment; name=a", E::Type, -1),
        ("form-data name=a", E::TypeEnd, -2),
        ("form-data; name=a; ", E::NoParameter, -3),
        ("form-data; name", E::NoEquals, -4),
        ("form-data; name ", E::NoEqualsAfterSpace, -5),
        ("form-data; name=", E::NoValue, -6),
        ("form-data; name=\"a", E::Unclosed, -7),
        ("form-data; name=\"a\\", E::Escape, -8),
        ("form-data; size=1", E::Unknown, -11),
        ("form-data; name=a b", E::ValueEnd, -12),
        ("form-data; name a", E::Equals, -13),
        ("form-data; name=a; name=b", E::DuplicateName, -14),
        ("form-data; filename=a; filename=b", E::DuplicateFilename, -15),
        ("form-data; filename*=''a", E::Charset, -16),
        ("form-data; filename*=utf-8'a", E::Language, -17),
        ("form-data; filename*=utf-8''%4G", E::Percent, -18),
        ("form-data; filename*=utf-8'en'a\"", E::Character, -19),
    ];
    for (header, error, number) in CASES {
        let body = format!("--0000\r\nContent-Disposition: {header}\r\n\r\n");
        let result = multipart(TYPE, body.as_bytes()).2;
        assert_eq!(result, Err(BodyError::MultipartDisposition(*error)), "{header}");
        assert_eq!(*error as i8, *number);
    }
    let hidden = "--0000\r\nContent-Disposition: form-data; name=a; filename =b\r\n\r\n";
    assert_eq!(multipart(TYPE, hidden.as_bytes()).2, Err(BodyError::MultipartHiddenFilename));
}

#[test]
fn multipart_notes() {
    let body =
        "--0000\r\nContent-Disposition: form-data; name=a; filename*=utf-8''b\r\n\r\n1\r\n--0000--\r\n";
    let (lines, ..) = multipart(b"multipart/form-data; boundary=0000; charset=x", body.as_bytes());
    let notes: Vec<_> = lines.iter().filter(|line| line.starts_with("note")).collect();
    assert_eq!(
        notes,
        [
            "note Invalid parameter after boundary in C-T (tolerated)",
            "note Warning: no filename= but filename*"
        ]
    );
}

#[test]
fn what_was_found_before_an_error_is_reported() {
    let body = b"--0000\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--0000\r\n\x0eContent-Disposition: x\r\n";
    let (lines, _, result) = multipart(TYPE, body);
    assert_eq!(result, Err(BodyError::MultipartHeaderCharacter));
    assert!(lines.contains(&"a=1".to_owned()));
    assert_eq!(lines.last().map(String::as_str), Some("header  \x0eContent-Disposition: x"));
    let (lines, _, result) =
        multipart(TYPE, b"--0000\r\nContent-Disposition: form-data; name=a\r\n\r\ncut off");
    assert_eq!(result, Err(BodyError::MultipartIncomplete));
    assert_eq!(lines.last().map(String::as_str), Some("a=cut off"));
}
