//! Sealed cookies.

use std::time::Duration;

use crate::Input;
use portcullis_affinity_core::{Affinity, Answer, Client, Endpoint, Outcome, Session, Target};

const NOW: Duration = Duration::from_secs(1_800_000_000);

/// The first byte chooses where a sealed cookie is changed, and the rest is a header.
///
/// No header that nobody sealed pins a client; one that was sealed here does, among any others; and changed in one byte,
/// or for another audience, it does not.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (at, change) = (input.byte(), input.byte());
    let (ours, others) = (affinity("shop"), affinity("else"));
    let session = ours.open([input.rest()], NOW);
    assert!(!matches!(session, Session::Pinned(_)), "forged: {}", input.rest().escape_ascii());

    let text = format!("10.{at}.0.{change}:8080");
    let endpoint = Endpoint::parse(text.as_bytes()).expect("an endpoint");
    let answer = Answer { target: Target::Endpoint(endpoint), cluster: None, identity: None };
    let Outcome::New(pin) = ours.answered(&Session::Absent, answer, NOW) else { panic!("not new") };
    let cookie = ours.seal(&pin, [change; 24], NOW, &Client::default()).expect("sealed");
    let pair = cookie.split(|byte| *byte == b';').next().unwrap().to_vec();
    let beside = [&pair, b"; ".as_slice(), input.rest()].concat();
    for header in [&pair, &beside] {
        let Session::Pinned(found) = ours.open([header.as_slice()], NOW) else { panic!("not pinned") };
        assert_eq!(found.endpoint(), Some(endpoint));
    }
    assert!(!matches!(others.open([pair.as_slice()], NOW), Session::Pinned(_)), "of another audience");
    let mut changed = pair.clone();
    let at = usize::from(at) * pair.len() / 256;
    changed[at] ^= change.max(1);
    // Blanks around a name or value are no part of it.
    if changed.trim_ascii() != pair {
        assert!(
            !matches!(ours.open([changed.as_slice()], NOW), Session::Pinned(_)),
            "{}",
            changed.escape_ascii()
        );
    }
}

fn affinity(audience: &str) -> Affinity {
    let config = format!(r#"{{"keys": ["0123456789abcdef0123456789abcdef"], "audience": "{audience}"}}"#);
    let config = sdk_shim_config::parse(config.as_bytes()).expect("a configuration");
    Affinity::new(config, &|_| None).expect("a sound one")
}
