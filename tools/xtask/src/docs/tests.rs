//! What the pages show works as it stands there.

use super::*;
use sdk_shim::load;

/// RFC 8037, appendix A.2.
const KEY_SET: &str =
    r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn env(name: &str) -> Option<String> {
    if name.contains("JWKS") {
        return Some(KEY_SET.to_owned());
    }
    if name.contains("HTPASSWD") {
        return Some("ada:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".to_owned());
    }
    Some(format!("a secret text of more than 32 characters for {name}"))
}

/// The text of every code block of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    page.split(begin.as_str()).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0)).collect()
}

fn check<F: Filter>(place: &str, config: &str) {
    if let Err(errors) = load::<F>(config.as_bytes(), &env) {
        panic!("{place}: {errors}\nin {config}");
    }
}

#[test]
fn the_configurations_of_the_readme_load() {
    let readme = read("README.md").unwrap();
    let configs = blocks(&readme, "json");
    let [crs, waf, canary, affinity, authz] = configs.as_slice() else {
        panic!("five configurations, not {configs:?}")
    };
    check::<portcullis_waf::WafFilter>("README.md", crs);
    check::<portcullis_waf::WafFilter>("README.md", waf);
    check::<portcullis_canary::CanaryFilter>("README.md", canary);
    check::<portcullis_affinity::AffinityFilter>("README.md", affinity);
    check::<portcullis_authz::AuthzFilter>("README.md", authz);
}

#[test]
fn the_configurations_of_the_pages_load() {
    fn page<F: Filter>() {
        let name = format!("docs/{}.md", F::NAME);
        let text = read(&name).unwrap();
        // A block that is no object shows fields of one.
        let configs: Vec<_> =
            blocks(&text, "json").into_iter().filter(|text| text.starts_with('{')).collect();
        assert!(!configs.is_empty(), "{name} shows no configuration");
        configs.iter().for_each(|config| check::<F>(&name, config));
    }
    page::<portcullis_waf::WafFilter>();
    page::<portcullis_canary::CanaryFilter>();
    page::<portcullis_affinity::AffinityFilter>();
    page::<portcullis_authz::AuthzFilter>();
}

#[test]
fn the_reference_is_what_the_types_say() {
    super::check().unwrap_or_else(|error| panic!("{error}"));
}

/// The anchor that GitHub makes of a heading.
fn slug(heading: &str) -> String {
    let title = heading.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-");
    title.chars().filter(|c| c.is_alphanumeric() || ['-', '_'].contains(c)).collect()
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let pages = fs::read_dir(crate::root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "RATIONALE.md", "CHANGELOG.md"];
    for page in pages.chain(top.map(|name| crate::root().join(name))) {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if target.contains("://") {
                continue;
            }
            assert!(
                file.is_empty() || page.parent().unwrap().join(file).exists(),
                "{}: {target}",
                page.display()
            );
            let is_there = text.lines().any(|line| line.starts_with('#') && slug(line) == anchor);
            assert!(anchor.is_empty() || !file.is_empty() || is_there, "{}: {target}", page.display());
        }
    }
}
