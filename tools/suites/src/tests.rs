use super::*;

fn outcome(cases: &[(&str, Result<(), &str>)]) -> Outcome {
    let mut outcome = Outcome::default();
    cases.iter().for_each(|(name, result)| outcome.add(*name, *result));
    outcome
}

#[test]
fn a_list_is_compared_both_ways() {
    let known = Known::parse("known.txt", "# why\n\na  slow\nb c  odd, for  two reasons\ngone  elsewhere\n");
    assert_eq!(known.get("b c"), Some("odd, for  two reasons"));
    let held = outcome(&[("a", Err("x")), ("b c", Err("y")), ("d", Ok(()))]);
    held.finish("suite", &known);
    let ran = |name: &str| name != "gone";
    let found = BTreeMap::from([("b c".to_owned(), "y".to_owned()), ("d".to_owned(), "1\n2".to_owned())]);
    assert_eq!(
        known.compare(&found, ran),
        ["d  1\n    2\n    (not in known.txt)", "a: take it off known.txt, it holds now"]
    );
}

#[test]
#[should_panic(expected = "a again  y")]
fn a_name_that_comes_twice_is_two_cases() {
    outcome(&[("a", Err("x")), ("a", Err("y"))]).finish("suite", &Known::parse("known.txt", "a  b"));
}

#[test]
#[should_panic(expected = "no case has passed")]
fn a_suite_without_cases_is_noticed() {
    outcome(&[]).finish("suite", &Known::default());
}

#[test]
#[should_panic(expected = "listed without a reason")]
fn an_entry_has_a_reason() {
    Known::parse("known.txt", "a");
}

#[test]
fn a_section_may_hold_any_name() {
    let known = Known::section("known.toml", "[one]\n\"a  \\u0001\" = \"why\"\n[two]\nb = \"c\"\n", "one");
    assert_eq!((known.get("a  \u{1}"), known.get("b")), (Some("why"), None));
}
