use super::*;

/// CI's check: an unannounced change of the SDK's public API fails here.
#[test]
fn the_public_api_is_as_listed_and_has_examples() {
    check().unwrap_or_else(|problems| panic!("{problems}"));
}

fn lines(source: &str) -> Vec<String> {
    let file = syn::parse_file(source).unwrap();
    file.items.iter().filter_map(items::describe).flat_map(|item| item.lines).collect()
}

#[test]
fn what_users_can_name_is_listed_and_nothing_else() {
    let cases: [(&str, &[&str]); 9] = [
        ("struct A; pub(crate) struct B; fn c() {} const D: u8 = 1;", &[]),
        (
            "/// Text.\n#[derive(Clone, Debug)] pub struct A { /// x\n pub b: u8, c: u16 }",
            &["pub struct A { pub b : u8 }", "A: # [derive (Clone , Debug)]"],
        ),
        ("pub struct A(u8); pub struct B(pub u8);", &["pub struct A () ;", "pub struct B (pub u8) ;"]),
        ("pub enum A { /// x\n B, C(u8), D { e: u8 } }", &["pub enum A { B , C (u8) , D { e : u8 } }"]),
        (
            "pub trait A { const X: u8; type Y: Clone; fn b(&self); fn c(&self) -> u8 { 1 } }",
            &[
                "pub trait A { }",
                "A::const X : u8",
                "A::type Y : Clone ;",
                "A::fn b (& self)",
                "A::fn c (& self) -> u8 = ...",
            ],
        ),
        (
            "impl A { pub fn b(self) { f() } fn c(self) {} pub const D: u8 = 1; }",
            &["A::fn b (self)", "A::const D : u8"],
        ),
        ("impl<T: Copy> From<T> for A {}", &["impl < T : Copy > From < T > for A"]),
        ("pub use a::{B, C}; use d::E;", &["pub use a :: { B , C } ;"]),
        ("#[macro_export] macro_rules! m { () => {} } macro_rules! n { () => {} }", &["macro m"]),
    ];
    for (source, expected) in cases {
        assert_eq!(lines(source), expected, "{source}");
    }
}

#[test]
fn a_change_either_way_is_a_difference() {
    assert_eq!(differences("a\nb\n", "a\nb\n"), [""; 0]);
    let problems = differences("a\nb\n", "a\nc\n");
    assert_eq!(problems[..2], ["gone from the public API: b", "new in the public API: c"]);
}
