//! What the tool prints, as files in `tests/` and the documentation have it. `TRYCMD=overwrite` writes it anew.

#[test]
fn output() {
    trycmd::TestCases::new().case("tests/*.trycmd").case("../../docs/cli.md");
}
