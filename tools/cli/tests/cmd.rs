//! What the tool prints, as files in `tests/` and the documentation have it.

#[test]
fn output() {
    trycmd::TestCases::new().case("tests/*.trycmd");
}
