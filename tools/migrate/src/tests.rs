use super::*;

fn source(text: &str) -> Source {
    Source { name: "in.yaml".to_owned(), content: text.as_bytes().to_vec() }
}

/// An Ingress of these annotations, and what becomes of it.
fn migrated(annotations: &[(&str, &str)]) -> Migration {
    let lines: String =
        annotations.iter().map(|(name, value)| format!("    {PREFIX}/{name}: {value:?}\n")).collect();
    migrate(&[source(&ingress("web", &lines))], Target::Envoy, &Options::default()).unwrap()
}

fn ingress(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: {name}\n  namespace: shop\n  annotations:\n{annotations}\
         \x20   other/thing: x\nspec:\n  rules:\n  - host: shop.example.com\n    http:\n      paths:\n\
         \x20     - {{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}\n---\n"
    )
}

/// What the report says of an annotation.
fn finding<'a>(migration: &'a Migration, name: &str) -> &'a Finding {
    let found = migration.report.findings.iter().find(|finding| finding.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in the report:\n{}", migration.report))
}

#[test]
fn the_table_has_each_annotation_once() {
    for (index, one) in annotations::ANNOTATIONS.iter().enumerate() {
        assert!(
            annotations::ANNOTATIONS.iter().skip(index + 1).all(|other| other.name != one.name),
            "{}",
            one.name
        );
        assert!(!one.instead.is_empty(), "{}", one.name);
    }
}

/// Name, value, outcome, and a part of the text.
const VALUES: [(&str, &str, Outcome, &str); 33] = [
    ("affinity", "cookies", Outcome::NotCarried, "expected cookie"),
    ("affinity", "cookie", Outcome::Note, "balanced"),
    ("enable-modsecurity", "yes", Outcome::NotCarried, "expected \"true\" or \"false\""),
    ("enable-modsecurity", "true", Outcome::Note, "only detects"),
    ("enable-modsecurity", "false", Outcome::Carried, ""),
    ("auth-type", "digest", Outcome::NotCarried, "denied"),
    ("auth-type", "basic", Outcome::NotCarried, "no auth-secret"),
    ("auth-url", "ftp://x/", Outcome::NotCarried, "expected an http:// or https:// URL"),
    ("auth-url", "http://auth.example/check", Outcome::Carried, ""),
    ("auth-url", "https://$host/oauth2/auth", Outcome::Carried, ""),
    ("auth-url", "http://$backend/", Outcome::NotCarried, "no variables but"),
    ("auth-signin", "https://login.example/", Outcome::Note, "without effect"),
    ("whitelist-source-range", "10.0.0.0/8, 192.0.2.1", Outcome::Carried, ""),
    ("whitelist-source-range", "10.0.0.0/99", Outcome::NotCarried, "denied"),
    ("denylist-source-range", "nobody", Outcome::NotCarried, "denied"),
    ("allowlist-source-range", "2001:db8::/32", Outcome::Carried, ""),
    ("satisfy", "some", Outcome::NotCarried, "expected any or all"),
    ("auth-tls-secret", "shop/ca", Outcome::NotCarried, "denied"),
    ("canary-weight", "10", Outcome::Carried, ""),
    ("upstream-hash-by", "$request_uri$host", Outcome::Carried, ""),
    ("upstream-hash-by", "$connection", Outcome::NotCarried, "$connection"),
    ("upstream-hash-by", "text", Outcome::NotCarried, "without a variable"),
    ("rewrite-target", "/$1", Outcome::Carried, ""),
    ("limit-rps", "5", Outcome::NotCarried, "rate limit"),
    ("ssl-redirect", "false", Outcome::Note, "off"),
    ("proxy-buffering", "on", Outcome::Note, "not needed"),
    ("configuration-snippet", "more_set_headers x;", Outcome::NotCarried, "nginx's configuration"),
    ("session-cookie-nam", "x", Outcome::NotCarried, "did you mean session-cookie-name?"),
    ("no-such-thing-at-all", "x", Outcome::NotCarried, "no annotation of ingress-nginx"),
    ("load-balance", "ewma", Outcome::Carried, ""),
    ("load-balance", "ip_hash", Outcome::NotCarried, "expected"),
    ("proxy-body-size", "8m", Outcome::NotCarried, "buffer"),
    ("server-alias", "www.example.com", Outcome::Carried, ""),
];

#[test]
fn values_of_annotations() {
    for (name, value, outcome, text) in VALUES {
        let migration = migrated(&[(name, value)]);
        let found = finding(&migration, name);
        assert!(found.outcome == outcome && found.text.contains(text), "{name}: {value}: {found:?}");
        let is_complete = outcome != Outcome::NotCarried;
        assert_eq!(migration.report.is_complete(), is_complete, "{name}: {value}");
    }
}

#[test]
fn headers_that_no_answer_may_set_are_left_out() {
    let migration = migrated(&[("auth-url", "http://x/"), ("auth-response-headers", "X-User, Host")]);
    let found = finding(&migration, "auth-response-headers");
    assert!(found.outcome == Outcome::NotCarried && found.text.contains("Host"), "{found:?}");
    let yaml = &migration.files[0].content;
    assert!(yaml.contains("\"X-User\"") && !yaml.contains("-not-carried"), "{yaml}");
}

/// What is about access and cannot be carried over must not be open.
#[test]
fn what_is_not_carried_is_closed() {
    let cases: [&[(&str, &str)]; 7] = [
        &[("auth-type", "digest"), ("auth-secret", "users")],
        &[("auth-type", "basic")],
        &[("auth-url", "gopher://x")],
        &[("auth-url", "http://x/"), ("auth-method", "FETCH")],
        &[("auth-url", "http://x/"), ("auth-proxy-set-headers", "absent")],
        &[("whitelist-source-range", "10.0.0.0/33")],
        &[("auth-tls-secret", "shop/ca")],
    ];
    for annotations in cases {
        let migration = migrated(annotations);
        let yaml = &migration.files[0].content;
        assert!(yaml.contains("-not-carried") && yaml.contains("\"DENY\""), "{annotations:?}:\n{yaml}");
    }
}

#[test]
fn input_that_cannot_be_read() {
    let whole = ingress("web", "");
    let half = whole.get(..whole.len() / 2 + 40).unwrap();
    let annotation = |value: &str| ingress("web", &format!("    {PREFIX}/canary: {value}\n"));
    let cases: [(Vec<u8>, &str); 13] = [
        (b"\x7fELF\x00\x01".to_vec(), "in.yaml: a zero byte at 4"),
        (b"kind: \xff\xfe".to_vec(), "in.yaml: no UTF-8 from byte 6 on"),
        (vec![b'a'; MAX_FILE_BYTES + 1], "expected manifests of up to 16 MiB"),
        (half.as_bytes().to_vec(), "in.yaml: document 1"),
        (b"".to_vec(), "no Ingress is here: found nothing"),
        (b"just text".to_vec(), "in.yaml: document 1: found no `kind`"),
        (b"kind: Deployment\nmetadata: {name: x}".to_vec(), "no Ingress is here: found Deployment"),
        (
            b"kind: Ingress\napiVersion: extensions/v1beta1\nmetadata: {name: x}".to_vec(),
            "expected \"networking.k8s.io/v1\"",
        ),
        (
            annotation("true").into_bytes(),
            "Ingress shop/web: annotation nginx.ingress.kubernetes.io/canary: found true, expected a string",
        ),
        (b"a: &a [*a]".to_vec(), "in.yaml: document 1"),
        (whole.replace("pathType: Prefix", "pathType: Glob").into_bytes(), "Ingress shop/web: spec"),
        (whole.replace("number: 80", "number: 800000").into_bytes(), "Ingress shop/web: spec"),
        ([b"kind: List\nitems: ".as_slice(), &b"[".repeat(5000)].concat(), "in.yaml: document 1"),
    ];
    for (content, expected) in cases {
        let shown = String::from_utf8_lossy(content.get(..content.len().min(200)).unwrap()).into_owned();
        let errors =
            migrate(&[Source { name: "in.yaml".to_owned(), content }], Target::Envoy, &Options::default())
                .unwrap_err();
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|line| line.contains(expected)), "{expected}: {text:?} of {shown}");
    }
}

#[test]
fn canaries_are_paired_by_host_and_path_and_belong_to_a_service() {
    let canary = format!(
        "    {PREFIX}/canary: \"true\"\n    {PREFIX}/canary-by-header: x-canary\n    {PREFIX}/canary-by-header-value: me\n"
    );
    let main = ingress("web", "");
    let second = main
        .replace("name: web\n  namespace", "name: web-api\n  namespace")
        .replace("path: /,", "path: /api,");
    let paired = migrate(
        &[source(&(main.clone() + &second + &ingress("next", &canary)))],
        Target::Envoy,
        &Options::default(),
    )
    .unwrap();
    let yaml = &paired.files[0].content;
    assert_eq!(yaml.matches("cluster: shop-next-80").count(), 2, "{yaml}");
    assert!(
        finding(&paired, "canary").text.contains("also concerns shop.example.com/api"),
        "{}",
        paired.report
    );
    assert!(finding(&paired, "canary-by-header").text.contains("never"));
    assert!(yaml.contains("never_only_without_value"));
    let alone = migrate(
        &[source(&ingress("next", &canary)), source(&main.replace("path: /,", "path: /x,"))],
        Target::Envoy,
        &Options::default(),
    );
    assert!(finding(&alone.unwrap(), "canary").text.contains("ignores the canary"));
    let third = ingress("third", &canary);
    let two =
        migrate(&[source(&(main + &ingress("next", &canary) + &third))], Target::Envoy, &Options::default())
            .unwrap();
    assert!(!two.report.is_complete(), "one canary for each Service: {}", two.report);
}

#[test]
fn rules_are_those_of_nginx() {
    let rules = |annotations: &[(&str, &str)]| {
        let migration = migrated(annotations);
        let yaml = migration.files[0].content.clone();
        let at = yaml.find("\"directives_map\"").unwrap_or_default();
        (yaml.get(at..).unwrap_or_default().split(']').next().unwrap_or_default().to_owned(), migration)
    };
    let (plain, _) = rules(&[("enable-modsecurity", "true")]);
    assert!(
        plain.contains("Include @recommended-conf") && plain.contains("SecRequestBodyLimit 1048576"),
        "{plain}"
    );
    let (sized, _) = rules(&[("enable-modsecurity", "true"), ("proxy-body-size", "2m")]);
    assert!(sized.contains("SecRequestBodyLimit 2097152"), "{sized}");
    let snippet = "SecRuleEngine On\nSecRule ARGS:a \"@rx \\\\d\" \"id:1,phase:1,deny\"\nSecNoSuch x\nInclude /etc/other.conf";
    let (own, migration) = rules(&[("enable-modsecurity", "true"), ("modsecurity-snippet", snippet)]);
    assert!(
        !own.contains("recommended") && own.contains("SecRuleEngine On") && !own.contains("SecNoSuch"),
        "{own}"
    );
    let text = &finding(&migration, "modsecurity-snippet").text;
    assert!(text.contains("SecNoSuch") && text.contains("/etc/other.conf"), "{text}");
}

/// The page's example: its manifests, the report, and the filter of one route.
#[test]
fn the_page_shows_what_there_is() {
    let page = include_str!("../../../docs/migrate/ingress-nginx.md");
    let block = |kind: &str| {
        let (_, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    let shop = Source { name: "shop.yaml".to_owned(), content: block("yaml").into() };
    let migration = migrate(&[shop], Target::Envoy, &Options::default()).unwrap();
    let report: Vec<String> =
        migration.report.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
    assert_eq!(
        report,
        block("text").lines().map(str::to_owned).collect::<Vec<_>>(),
        "the report:\n{}",
        migration.report
    );
    let yaml = &migration.files[0].content;
    let office: serde_json::Value = serde_json::from_str(block("json")).unwrap();
    let office = serde_json::to_string_pretty(&office).unwrap();
    let flat = |text: &str| text.split_whitespace().collect::<String>();
    assert!(flat(yaml).contains(&flat(&office)), "not there: {office}\n{yaml}");
}

/// All files for the page's example, as they were looked at. `PORTCULLIS_WRITE=1` writes them anew.
#[test]
fn the_files_are_as_they_were() {
    let page = include_str!("../../../docs/migrate/ingress-nginx.md");
    let example = page.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/golden");
    for target in [Target::Envoy, Target::Istio, Target::EnvoyGateway] {
        let migration = migrate(&[source(example)], target, &Options::default()).unwrap();
        for file in migration.files {
            let target = format!("{target:?}").to_lowercase();
            let path = folder.join(format!("{target}-{}", file.name));
            if std::env::var_os("PORTCULLIS_WRITE").is_some() {
                std::fs::write(&path, &file.content).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                golden == file.content,
                "{} differs: PORTCULLIS_WRITE=1 writes it anew\n{}",
                path.display(),
                file.content
            );
        }
    }
}

/// Kubernetes' tools read YAML 1.1, where `on` is no text.
#[test]
fn texts_stay_texts() {
    let canary = format!(
        "    {PREFIX}/canary: \"true\"\n    {PREFIX}/canary-by-header: x-canary\n    {PREFIX}/canary-by-header-value: \"on\"\n"
    );
    let both = source(&(ingress("web", "") + &ingress("next", &canary)));
    let migration = migrate(&[both], Target::Istio, &Options::default()).unwrap();
    assert!(migration.files[0].content.contains("value: \"on\"\n"), "{}", migration.files[0].content);
}
