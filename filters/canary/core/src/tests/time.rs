use super::*;

const START: u64 = 1_767_258_000; // 2026-01-01T09:00:00Z

fn share_at(schedule: &str, weight: f64, hours: f64) -> u32 {
    let canary = canary(&format!(
        r#"{{"releases": [{{"name": "v2", "weight": {weight}, "key": [{{"header": "u"}}], "schedule": {schedule}}}]}}"#
    ));
    let now = Duration::from_secs_f64(START as f64 + hours * 3600.0);
    let taken = |user: &u32| {
        let mut facts = Given { now, ..Given::default() };
        canary.decide(&headers(&format!("u: {user}")), &mut facts).release.is_some()
    };
    (0..2000).filter(taken).count() as u32 / 20
}

/// Hours since the start, and the share in percent.
type Row = (f64, u32);

#[test]
fn schedules() {
    let at = r#""start": "2026-01-01T09:00:00Z""#;
    let tables: &[(String, f64, &[Row])] = &[
        (format!("{{{at}}}"), 100.0, &[(-0.01, 0), (0.0, 100), (1000.0, 100)]),
        (
            format!(r#"{{{at}, "duration": "10h"}}"#),
            100.0,
            &[(-1.0, 0), (0.0, 0), (1.0, 10), (5.0, 50), (9.0, 90), (10.0, 100), (99.0, 100)],
        ),
        (format!(r#"{{{at}, "duration": "10h"}}"#), 50.0, &[(2.0, 10), (10.0, 50), (11.0, 50)]),
        (
            format!(
                r#"{{{at}, "steps": [{{"after": "0s", "weight": 1}}, {{"after": "1h", "weight": 10}}, {{"after": "2h 30m", "weight": 100}}]}}"#
            ),
            100.0,
            &[(-0.1, 0), (0.0, 1), (0.99, 1), (1.0, 10), (2.4, 10), (2.5, 100)],
        ),
        (format!(r#"{{{at}, "steps": [{{"after": "1h", "weight": 100}}]}}"#), 100.0, &[(0.5, 0), (1.0, 100)]),
        (
            // Two hours stand still, from the second to the fourth.
            format!(
                r#"{{{at}, "duration": "10h", "pauses": [{{"from": "2026-01-01T08:00:00Z", "to": "2026-01-01T09:00:00Z"}}, {{"from": "2026-01-01T11:00:00Z", "to": "2026-01-01T13:00:00Z"}}]}}"#
            ),
            100.0,
            &[(2.0, 20), (3.0, 20), (4.0, 20), (5.0, 30), (12.0, 100)],
        ),
        (
            format!(r#"{{{at}, "end": "2026-01-01T10:00:00Z"}}"#),
            100.0,
            &[(0.0, 100), (0.99, 100), (1.0, 0), (9.0, 0)],
        ),
        (r#"{"end": "2026-01-01T10:00:00Z"}"#.into(), 100.0, &[(-99.0, 100), (1.0, 0)]),
    ];
    for (schedule, weight, rows) in tables {
        for (hours, expected) in *rows {
            let share = share_at(schedule, *weight, *hours);
            // Two thousand users: two points are 1.8 standard deviations at the widest; the numbers are fixed.
            assert!(
                share.abs_diff(*expected) <= 2,
                "{schedule} after {hours} h: {share} %, not {expected} %"
            );
        }
    }
}

#[test]
fn a_schedule_takes_nobody_out() {
    let canary = canary(
        r#"{"releases": [{"name": "v2", "weight": 80, "key": [{"header": "u"}],
            "schedule": {"start": "2026-01-01T09:00:00Z", "duration": "1h"}}]}"#,
    );
    for user in 0..200 {
        let request = headers(&format!("u: {user}"));
        let mut was_in = false;
        for second in (0..4000).step_by(50) {
            let mut facts = Given { now: Duration::from_secs(START + second), ..Given::default() };
            let is_in = canary.decide(&request, &mut facts).release.is_some();
            assert!(is_in || !was_in, "user {user} was taken out after {second} s");
            was_in = is_in;
        }
    }
}

#[test]
fn what_ends_a_release_beats_all_its_rules() {
    let rules = r#""by_header": {"name": "x"}, "by_cookie": {"name": "c"}, "weight": 100"#;
    let ended = format!(
        r#"{{"releases": [{{"name": "v2", {rules}, "schedule": {{"end": "1970-01-02T00:00:00Z"}}}}]}}"#
    );
    let off = format!(r#"{{"releases": [{{"name": "v2", {rules}, "enabled": false}}]}}"#);
    let killed = format!(r#"{{"enabled": false, "releases": [{{"name": "v2", {rules}}}]}}"#);
    for (config, expected) in
        [(ended, "stable default"), (off, "stable default"), (killed, "stable kill_switch")]
    {
        let canary = canary(&config);
        for request in ["", "x: always", "cookie: c=always"] {
            let mut facts = Given { now: Duration::from_secs(START), ..Given::default() };
            let decision = canary.decide(&headers(request), &mut facts);
            assert_eq!(
                format!("{} {}", decision.name(), decision.reason.as_str()),
                expected,
                "{config} {request}"
            );
        }
    }
}
