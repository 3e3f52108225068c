//! Rules that are refused.

use portcullis_engine::Waf;

#[test]
fn refusals_name_the_place() {
    let rows = [
        ("SecRule ARGS @rx\n", "inline:1:1: SecRule: the rule has no id action"),
        ("SecRule ARGS @rx id:0\n", "inline:1:1: SecRule: the rule has no id action, or the id 0"),
        ("\nSecRule ARGS '@rx (' id:1\n", "inline:2:15: SecRule: @rx: "),
        ("SecAction 'id:1,exec:/bin/x'\n", "inline:1:"),
        ("SecAction id:1\nSecAction id:1\n", "inline:2:1: SecAction: rule id 1 is duplicated"),
        ("SecRule GEO:x y id:1\n", "inline:1:9: SecRule: GEO is not supported: "),
        (
            "SecRule XML:/a/child::b x id:1\n",
            "inline:1:9: SecRule: XPath /a/child::b: offset 8: axes are not supported",
        ),
        (
            "SecRule XML:/p:a x id:1\n",
            "inline:1:9: SecRule: XPath /p:a: offset 1: the prefix is bound by no xmlns",
        ),
        (
            "SecRule XML:/p:a x id:1,xmlns:p=urn:u\nSecRule XML:/p:a x id:2,xmlns:p=urn:v\n",
            "inline:2:9: SecRule: XPath /p:a: another rule has the same expression with other namespaces",
        ),
        (
            "SecRule XML:/p:a x id:1,xmlns:p=www.example.com/p\n",
            "inline:1:31: SecRule: found `p=www.example.com/p`, expected `prefix=namespace`, an absolute URI",
        ),
        (
            "SecRule PERF_ALL x id:1\n",
            "inline:1:9: SecRule: PERF_ALL is not supported: ModSecurity v3 does not",
        ),
        ("SecRule JSON x id:1\n", "inline:1:9: SecRule: JSON is not supported: "),
        (
            "SecRule ARGS '@rbl x.y' id:1\n",
            "inline:1:15: SecRule: @rbl: @rbl is not supported: a filter makes no DNS",
        ),
        (
            "SecRule ARGS '@pmFromDataset no' id:1\n",
            "inline:1:15: SecRule: @pmFromDataset: there is no SecDataset",
        ),
        ("SecAction id:1,append:x\n", "inline:1:16: SecAction: append is not supported: "),
        ("SecAction id:1,pause:5\n", "inline:1:16: SecAction: pause is not supported: "),
        ("SecAction id:1,deprecatevar:tx.a=1/2\n", "inline:1:16: SecAction: tx is out of range: "),
        ("SecAction id:1,ctl:hashEngine=On\n", "inline:1:16: SecAction: ctl:hashEngine is not supported: "),
        ("SecConnEngine On\n", "inline:1:1: SecConnEngine: SecConnEngine is not supported: "),
        ("SecGeoLookupDb /x\n", "inline:1:1: SecGeoLookupDb: SecGeoLookupDb is not supported: "),
        ("SecDefaultAction 'phase:1,log'\n", "inline:1:18: SecDefaultAction: expected a disruptive action"),
        ("SecDefaultAction 'phase:1,deny,msg:x'\n", "inline:1:32: SecDefaultAction: action `msg`"),
        ("SecDefaultAction 'phase:1,deny,t:none'\n", "inline:1:32: SecDefaultAction: action `t:none`"),
        (
            "SecDefaultAction 'phase:1,deny'\nSecDefaultAction 'phase:1,deny'\n",
            "inline:2:1: SecDefaultAction: SecDefaultActions can only be placed once per phase",
        ),
    ];
    for (rules, message) in rows {
        let errors = Waf::from_text(rules.as_bytes()).unwrap_err();
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|found| found.starts_with(message)), "{rules}: {found:?}");
    }
}

#[test]
fn all_errors_are_collected() {
    let errors =
        Waf::from_text(b"SecRule ARGS '@rx (' id:1\nSecRule GEO x id:2\nSecAction id:2\n").unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
}
