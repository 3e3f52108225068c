use super::*;

fn credential(result: &str) -> Step {
    Step::Credential { credential: "api_key".into(), result: result.into(), consumer: None }
}

#[test]
fn steps_are_heard_only_while_somebody_listens() {
    note(|| credential("before"));
    let ((), steps) = listen(|| {
        note(|| credential("outer"));
        let ((), inner) = listen(|| note(|| credential("inner")));
        assert_eq!(inner, [credential("inner")]);
        note(|| credential("outer again"));
    });
    assert_eq!(steps, [credential("outer"), credential("outer again")]);
    assert!(!is_heard());
}

#[test]
fn a_listener_keeps_a_bounded_number_of_steps() {
    let ((), steps) = listen(|| (0..MAX_STEPS + 10).for_each(|_| note(|| credential("again"))));
    assert_eq!(steps.len(), MAX_STEPS);
}
