use super::*;
use crate::{BUCKETS, bucket};

const USERS: u32 = 100_000;

fn by_user(name: &str, weight: f64, more: &str) -> Canary {
    canary(&format!(
        r#"{{"releases": [{{"name": "{name}", "weight": {weight}, "key": [{{"header": "user"}}] {more}}}]}}"#
    ))
}

fn takes(canary: &Canary, user: &str) -> bool {
    let headers = Headers::from_iter([("user", user)]);
    canary.decide(&headers, &mut Given::default()).release.is_some()
}

fn users() -> impl Iterator<Item = String> {
    (0..USERS).map(|number| format!("user-{number}"))
}

#[test]
fn buckets_refine_unleash() {
    let mut hash = 1_u32;
    for _ in 0..100_000 {
        hash = hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        assert_eq!(bucket(hash) / 1000, hash % 100);
        assert!(bucket(hash) < BUCKETS);
    }
    let mut seen = vec![false; BUCKETS as usize];
    (0..BUCKETS).for_each(|hash| seen[bucket(hash) as usize] = true);
    assert!(seen.iter().all(|seen| *seen), "each bucket is reached");
}

#[test]
fn hashes_the_seed_a_colon_and_the_key() {
    // Cases of Unleash's client specification (03 and 10).
    for (seed, user, weight, expected) in [
        ("AB12A", "122", 50.0, true),
        ("AB12A", "155", 50.0, false),
        ("Feature.flexibleRollout.10", "174", 10.0, true),
        ("Feature.flexibleRollout.10", "499", 10.0, false),
    ] {
        let canary = by_user("v2", weight, &format!(r#", "seed": "{seed}""#));
        assert_eq!(takes(&canary, user), expected, "{seed}:{user} at {weight}");
    }
    // The default seed is the release's name.
    assert!(takes(&by_user("AB12A", 50.0, ""), "122"));
}

#[test]
fn a_share_ends_where_it_says() {
    for user in ["122", "155", "alice"] {
        let mut hasher = hash32::Murmur3Hasher::default();
        std::hash::Hasher::write(&mut hasher, format!("AB12A:{user}").as_bytes());
        let hash = hash32::Hasher::finish32(&hasher);
        for (buckets, expected) in [(bucket(hash), false), (bucket(hash) + 1, true)] {
            let weight = f64::from(buckets) / 1000.0;
            assert_eq!(takes(&by_user("AB12A", weight, ""), user), expected, "{user} at {weight}");
        }
    }
}

#[test]
fn shares_are_as_wide_as_they_say() {
    for weight in [0.1, 1.0, 10.0, 50.0] {
        for name in ["checkout", "search"] {
            let canary = by_user(name, weight, "");
            let taken = users().filter(|user| takes(&canary, user)).count() as f64;
            let share = weight / 100.0;
            let expected = f64::from(USERS) * share;
            let deviation = (f64::from(USERS) * share * (1.0 - share)).sqrt();
            let off = (taken - expected) / deviation;
            assert!(off.abs() < 4.0, "{name} at {weight} %: {taken} of {USERS}, {off} standard deviations");
        }
    }
}

#[test]
fn raising_takes_nobody_out() {
    let steps = [0.0, 0.001, 0.01, 0.1, 1.0, 2.5, 10.0, 10.001, 33.333, 50.0, 99.999, 100.0];
    let releases: Vec<Canary> = steps.iter().map(|weight| by_user("v2", *weight, "")).collect();
    for user in users().step_by(10) {
        let taken: Vec<bool> = releases.iter().map(|canary| takes(canary, &user)).collect();
        assert!(taken.is_sorted(), "{user}: {taken:?}");
        assert!(!taken[0] && taken[steps.len() - 1]);
    }
}

#[test]
fn seeds_are_independent() {
    let (a, b) = (by_user("a", 50.0, ""), by_user("b", 50.0, ""));
    let mut counts = [[0_u32; 2]; 2];
    for user in users() {
        counts[usize::from(takes(&a, &user))][usize::from(takes(&b, &user))] += 1;
    }
    // Chi-square of the four-field table, one degree of freedom: 15.1 is passed by chance once in ten thousand.
    let total = f64::from(USERS);
    let chi_square: f64 = [(0, 0), (0, 1), (1, 0), (1, 1)]
        .iter()
        .map(|&(i, j)| {
            let row = f64::from(counts[i][0] + counts[i][1]);
            let column = f64::from(counts[0][j] + counts[1][j]);
            let expected = row * column / total;
            (f64::from(counts[i][j]) - expected).powi(2) / expected
        })
        .sum();
    assert!(chi_square < 15.1, "{chi_square} {counts:?}");
    // The same seed draws the same users.
    let (a, b) = (by_user("a", 50.0, r#", "seed": "s""#), by_user("b", 50.0, r#", "seed": "s""#));
    assert!(users().step_by(100).all(|user| takes(&a, &user) == takes(&b, &user)));
}

#[test]
fn a_seed_that_two_share_is_warned_of() {
    let warnings =
        |releases: &str| canary(&format!(r#"{{"releases": [{releases}]}}"#)).warnings().to_string();
    let one = r#"{"name": "one", "weight": 10}"#;
    assert_eq!(warnings(&format!(r#"{one}, {{"name": "two", "weight": 10, "seed": "other"}}"#)), "");
    assert_eq!(
        warnings(&format!(r#"{one}, {{"name": "two", "weight": 10, "seed": "one"}}"#)),
        "releases[1].seed: found `one`, the seed of releases[0] too, expected one of its own, unless both are to draw the same users"
    );
    // Where one of them draws nobody it does not matter.
    assert_eq!(
        warnings(
            r#"{"name": "one", "by_header": {"name": "x"}}, {"name": "two", "weight": 10, "seed": "one"}"#
        ),
        ""
    );
}

#[test]
fn totals() {
    let cases = [
        // weight, total, buckets that are in
        ("1", "", 1000),
        ("0.001", "", 1),
        ("99.999", "", 99_999),
        ("0.29", "", 290),
        ("33.333", "", 33_333),
        ("100", "", BUCKETS),
        ("1", r#", "weight_total": 3"#, 33_333),
        ("3", r#", "weight_total": 3"#, BUCKETS),
        ("1", r#", "weight_total": 1000"#, 100),
        ("1", r#", "weight_total": 100000"#, 1),
        ("999999", r#", "weight_total": 1000000"#, 99_999),
        ("4294967295", r#", "weight_total": 4294967295"#, BUCKETS),
    ];
    for (weight, total, buckets) in cases {
        let canary = canary(&format!(
            r#"{{"releases": [{{"name": "v2", "weight": {weight}, "key": [{{"header": "user"}}] {total}}}]}}"#
        ));
        assert_eq!(canary.releases()[0].share.threshold(), buckets, "{weight} {total}");
    }
}

#[test]
fn keys_stand_in_for_each_other() {
    let release = |key: &str| {
        canary(&format!(r#"{{"releases": [{{"name": "v2", "seed": "AB12A", "weight": 50, "key": {key}}}]}}"#))
    };
    let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    // 122 is in, 155 is out; as are these addresses.
    let cases: &[(&str, &str, Option<IpAddr>, bool)] = &[
        (r#"[{"header": "User"}]"#, "user: 122", None, true),
        (r#"[{"header": "user"}]"#, "user: 155", None, false),
        (r#"[{"header": "user"}, {"cookie": "uid"}]"#, "user: 122\ncookie: uid=155", None, true),
        (r#"[{"header": "user"}, {"cookie": "uid"}]"#, "cookie: uid=155", None, false),
        (r#"[{"header": "user"}, {"cookie": "uid"}]"#, "user: \ncookie: uid=122", None, true),
        (r#"[{"header": "user"}, {"cookie": "uid"}]"#, "cookie: uid=", ip("10.0.0.3"), true),
        (r#"[{"header": "user"}]"#, "", ip("10.0.0.3"), true),
        (r#"[{"header": "user"}]"#, "", ip("::ffff:10.0.0.3"), true),
        (r#"[{"header": "user"}]"#, "", ip("10.0.0.2"), false),
        ("[]", "", ip("10.0.0.3"), true),
        ("[]", "", ip("10.0.0.2"), false),
        (r#"["source_ip"]"#, "", ip("10.0.0.3"), true),
        (r#"[{"header": "user"}, "none"]"#, "", ip("10.0.0.3"), false),
        (r#"[{"header": "user"}, "none"]"#, "user: 122", None, true),
    ];
    for (key, request, source_ip, expected) in cases {
        let mut facts = Given { source_ip: *source_ip, ..Given::default() };
        let canary = release(key);
        let decision = canary.decide(&headers(request), &mut facts);
        assert_eq!(decision.release.is_some(), *expected, "{key} {request} {source_ip:?}");
    }
}

#[test]
fn without_any_key_chance_decides() {
    for key in [r#"["random"]"#, r#"[{"header": "user"}]"#] {
        let canary = canary(&format!(r#"{{"releases": [{{"name": "v2", "weight": 10, "key": {key}}}]}}"#));
        let taken = (0..u64::from(USERS))
            .filter(|random| {
                let random = random.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut facts = Given { random, ..Given::default() };
                canary.decide(&Headers::default(), &mut facts).release.is_some()
            })
            .count();
        assert!((9_620..=10_380).contains(&taken), "{key}: {taken}");
    }
}

#[test]
fn each_release_takes_its_share_of_the_rest() {
    let canary = canary(
        r#"{"releases": [
            {"name": "a", "weight": 20, "key": [{"header": "user"}]},
            {"name": "b", "weight": 50, "key": [{"header": "user"}]},
            {"name": "c", "weight": 75, "seed": "b", "key": [{"header": "user"}]}
        ]}"#,
    );
    let mut counts = std::collections::HashMap::new();
    for user in users() {
        let headers = Headers::from_iter([("user", &user)]);
        *counts.entry(canary.decide(&headers, &mut Given::default()).name().to_owned()).or_insert(0) += 1;
    }
    // c has b's seed, so its 75 % hold b's 50 %, and 25 % are left for it: ranges beside each other.
    for (name, expected) in [("a", 20_000), ("b", 40_000), ("c", 20_000), ("stable", 20_000)] {
        let count: i32 = counts[name];
        assert!((count - expected).abs() < 700, "{name}: {count}, expected about {expected}");
    }
}

#[test]
fn weights_of_the_same_requests_add_up_to_all_at_most() {
    let releases = |list: &str| format!(r#"{{"releases": [{list}], "namespaces": [{{"name": "n"}}]}}"#);
    let sum = "releases[1].weight: found 120 % with the releases before it, expected 100 % at most";
    let cases = [
        (r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 40}"#, None),
        (r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 60}"#, Some(sum)),
        (r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 6, "weight_total": 10}"#, Some(sum)),
        (
            r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 60}, {"name": "c", "weight": 60}"#,
            Some(sum),
        ),
        (
            r#"{"name": "a", "weight": 60, "hosts": ["x"], "paths": ["/a"]},
               {"name": "b", "weight": 60, "hosts": ["x"], "paths": ["/a"]}"#,
            Some(sum),
        ),
        (r#"{"name": "a", "weight": 100}, {"name": "b", "weight": 10, "by_header": {"name": "x"}}"#, None),
        // Not the same requests, or users.
        (r#"{"name": "a", "weight": 60, "hosts": ["x"]}, {"name": "b", "weight": 60, "hosts": ["y"]}"#, None),
        (r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 60, "match": {"method": ["GET"]}}"#, None),
        (
            r#"{"name": "a", "weight": 60},
               {"name": "b", "weight": 60, "namespace": {"name": "n", "from": 0, "to": 5}}"#,
            None,
        ),
        (r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 60, "seed": "a"}"#, None),
        // Not at the same time, or not at all.
        (
            r#"{"name": "a", "weight": 100, "schedule": {"end": "2026-01-01T00:00:00Z"}}, {"name": "b", "weight": 60}"#,
            None,
        ),
        (r#"{"name": "a", "weight": 60}, {"name": "b", "weight": 60, "enabled": false}"#, None),
    ];
    for (list, expected) in cases {
        let refused = load(&releases(list)).err().map(|errors| errors.to_string());
        match (&refused, expected) {
            (None, None) => {}
            (Some(text), Some(expected)) => {
                assert!(text.starts_with(expected) && text.lines().count() == 1, "{list}\n{text}")
            }
            _ => panic!("{list}\n{refused:?}"),
        }
    }
}
