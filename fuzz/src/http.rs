//! Header maps, cookies, queries and addresses.

use std::net::IpAddr;

use crate::Input;
use sdk_shim_http::{Cidr, Cookies, Headers, Query, SetCookie, is_token, socket_address, split_target};

/// The first byte chooses what reads the rest. Everything that comes out of a text is a part of it; what is written can be
/// read again and cannot split a header.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(5) {
        0 => serialized(input.rest()),
        1 => cookies(input.rest()),
        2 => set_cookie(input),
        3 => target(input.rest()),
        _ => address(input.rest()),
    }
}

fn serialized(data: &[u8]) {
    if let Some(headers) = Headers::from_serialized(data.to_vec()) {
        let total: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(total <= data.len() && headers.iter().count() == headers.len());
    }
    let pairs: Vec<(&[u8], &[u8])> = data.chunks(7).map(|chunk| chunk.split_at(chunk.len() / 2)).collect();
    let mut whole = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in &pairs {
        whole.extend((name.len() as u32).to_le_bytes());
        whole.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in &pairs {
        whole.extend_from_slice(name);
        whole.push(0);
        whole.extend_from_slice(value);
        whole.push(0);
    }
    let headers = Headers::from_serialized(whole.clone()).expect("a map that is whole");
    assert_eq!(headers.iter().collect::<Vec<_>>(), pairs);
    for (name, _) in &pairs {
        let all: Vec<&[u8]> =
            pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect();
        assert_eq!(headers.get_joined(name).as_deref(), Some(all.join(&b',').as_slice()));
        assert_eq!(headers.get(name), all.first().copied());
    }
    whole.pop();
    assert!(Headers::from_serialized(whole).is_none(), "a map that is cut");
}

fn cookies(text: &[u8]) {
    let mut found = 0;
    for (name, value) in Cookies::parse(text) {
        let inside = |part: &[u8]| part.is_empty() || text.windows(part.len()).any(|window| window == part);
        assert!(inside(name) && inside(value));
        assert!(!name.contains(&b'=') && !name.contains(&b';') && !value.contains(&b';'));
        assert!(name.trim_ascii() == name && value.trim_ascii() == value);
        found += 1;
    }
    assert!(found <= text.split(|byte| *byte == b';').count());
    // Cut into headers at the separators, it is the same.
    let parts = text.split(|byte| *byte == b';').map(|part| ("cookie", part));
    let headers: Headers = parts.collect();
    assert!(Cookies::new(&headers).iter().eq(Cookies::parse(text)));
}

fn set_cookie(mut input: Input<'_>) {
    let (name, value) = (input.take(8), input.take(16));
    let (Ok(name), rest) = (std::str::from_utf8(name), input.rest()) else { return };
    let Ok(cookie) = SetCookie::new(name, value) else { return };
    assert!(is_token(name.as_bytes()));
    let pair = Cookies::parse(cookie.as_bytes()).next();
    assert_eq!(pair, Some((name.as_bytes(), value)), "a browser reads what was written");
    if let Ok(cookie) = cookie.attribute("Path", Some(rest)) {
        let text = cookie.as_bytes();
        assert!(!text.iter().any(u8::is_ascii_control), "{}", text.escape_ascii());
        assert_eq!(text.split(|byte| *byte == b';').count(), 2);
    }
}

fn target(text: &[u8]) {
    let (path, query) = split_target(text);
    let end = text.iter().position(|byte| *byte == b'#').unwrap_or(text.len());
    let again = match query {
        Some(query) => [path, query].join(&b'?'),
        None => path.to_vec(),
    };
    assert_eq!(again, text[..end]);
    assert!(!path.contains(&b'?'));
    let query = Query::new(query.unwrap_or_default());
    for (name, _) in query.iter() {
        let first = query.iter().find(|(other, _)| *other == name).map(|(_, value)| value);
        assert_eq!(query.get(name), first);
    }
}

fn address(text: &[u8]) {
    if let Some(address) = socket_address(text) {
        let again = address.to_string();
        assert_eq!(socket_address(again.as_bytes()), Some(address));
    }
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(block) = text.parse::<Cidr>() else { return };
    assert_eq!(block.to_string().parse(), Ok(block), "{text}");
    assert!(block.contains(block.network()));
    let widest = match block.network() {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    assert!(block.prefix_len() <= widest);
}
