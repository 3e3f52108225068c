use super::*;

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
spec:
  group: test.io
  names: {kind: Thing}
  versions:
  - name: v1
    served: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [name]
            oneOf:
            - required: [size]
            - required: [port]
            properties:
              name: {type: string, pattern: "^[a-z]+$", maxLength: 5}
              size: {type: integer, minimum: 1, maximum: 9}
              port: {anyOf: [{type: integer}, {type: string}], x-kubernetes-int-or-string: true}
              mode: {type: string, enum: [A, B]}
              none: {type: string, nullable: true}
              list: {type: array, maxItems: 2, items: {type: object, properties: {x: {type: boolean}}}}
              map: {type: object, additionalProperties: {type: number}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {y: {type: integer}}}
              url: {type: string, not: {pattern: "^ftp"}, allOf: [{minLength: 3}]}
  - name: v0
    served: false
    schema: {openAPIV3Schema: {type: object}}
"#;

/// A spec, and what must be said of it; empty: nothing.
const CASES: [(&str, &str); 26] = [
    ("{name: a, size: 1}", ""),
    ("{name: a, port: 80}", ""),
    ("{name: a, port: http}", ""),
    ("{name: a, size: 1, mode: A, none: null, list: [{x: true}], map: {a: 1.5}}", ""),
    ("{name: a, size: 1, free: {y: 1, anything: {else: 1}}}", ""),
    ("{name: a, size: 1, url: http}", ""),
    ("{size: 1}", "spec: the field name is missing"),
    ("{name: a}", "spec: 0 of oneOf hold, not one"),
    ("{name: a, size: 1, port: 1}", "spec: 2 of oneOf hold, not one"),
    ("{name: A, size: 1}", "spec.name: \"A\" does not match ^[a-z]+$"),
    ("{name: abcdef, size: 1}", "spec.name: 6 characters, at most 5"),
    ("{name: 1, size: 1}", "spec.name: expected string, found 1"),
    ("{name: a, size: 0}", "spec.size: 0 is below the minimum 1"),
    ("{name: a, size: 10}", "spec.size: 10 is above the maximum 9"),
    ("{name: a, size: 1.5}", "spec.size: expected integer, found 1.5"),
    ("{name: a, size: '1'}", "spec.size: expected integer, found \"1\""),
    ("{name: a, port: true}", "spec.port: expected integer or string, found true"),
    ("{name: a, size: 1, mode: C}", "spec.mode: \"C\" is none of [\"A\",\"B\"]"),
    ("{name: a, size: 1, mode: null}", "spec.mode: expected string, found null"),
    ("{name: a, size: 1, typo: 1}", "spec.typo: unknown field"),
    ("{name: a, size: 1, list: [{x: true}, {x: 1}]}", "spec.list[1].x: expected boolean, found 1"),
    ("{name: a, size: 1, list: [{}, {}, {}]}", "spec.list: 3 items, at most 2"),
    ("{name: a, size: 1, list: [{z: 1}]}", "spec.list[0].z: unknown field"),
    ("{name: a, size: 1, map: {a: b}}", "spec.map.a: expected number, found \"b\""),
    ("{name: a, size: 1, free: {y: z}}", "spec.free.y: expected integer, found \"z\""),
    ("{name: a, size: 1, url: ftp}", "spec.url: what `not` excludes"),
];

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    documents(DEFINITION).unwrap().iter().for_each(|document| schemas.add(document));
    schemas
}

#[test]
fn structural_schemas() {
    for (spec, expected) in CASES {
        let text = format!("{{apiVersion: test.io/v1, kind: Thing, metadata: {{name: t}}, spec: {spec}}}");
        let found = schemas().check_text(&text);
        match (expected, &found) {
            ("", Ok(())) => {}
            (expected, Err(text)) if !expected.is_empty() && text.contains(expected) => {}
            _ => panic!("{spec}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn what_surrounds_the_spec() {
    let cases = [
        ("apiVersion: test.io/v1\nkind: Thing", "the document: the field metadata is missing"),
        (
            "apiVersion: test.io/v0\nkind: Thing",
            "no schema for \"test.io/v0\" \"Thing\"; known: test.io/v1 Thing",
        ),
        (
            "apiVersion: test.io/v1\nkind: Thing\nmetadata: {name: a, labls: {}}",
            "metadata.labls: unknown field",
        ),
        ("apiVersion: test.io/v1\nkind: Thing\nmetadata: {name: A_}", "metadata.name: \"A_\" does not match"),
        ("---\n---\n", "no document"),
        ("a: [", "did not find expected"),
        (
            "apiVersion: test.io/v1\nkind: Thing\nmetadata: {name: a}\n---\napiVersion: x\nkind: y",
            "document 2: no schema",
        ),
    ];
    for (text, expected) in cases {
        let found = schemas().check_text(text).expect_err(text);
        assert!(found.contains(expected), "{text}: {found}, expected {expected}");
    }
}

#[test]
fn the_definitions_of_istio_are_understood() {
    let Some(file) = crate::paths::data("crds/istio.yaml") else { return };
    let schemas = Schemas::read([file]).unwrap();
    let plugin = |spec: &str| {
        let text = format!(
            "{{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {{name: a}}, spec: {spec}}}"
        );
        schemas.check_text(&text)
    };
    assert_eq!(plugin("{url: 'oci://registry/waf:1', pluginConfig: {mode: detect, any: [1]}}"), Ok(()));
    for (spec, expected) in [
        ("{}", "spec: the field url is missing"),
        ("{url: 'oci://registry/waf:1', phase: FIRST}", "spec.phase: \"FIRST\" is none of"),
        ("{url: 'oci://registry/waf:1', failurePolicy: FAIL_OPEN}", "spec.failurePolicy: unknown field"),
        (
            "{url: 'oci://registry/waf:1', failStrategy: FAIL_LOUD}",
            "spec.failStrategy: \"FAIL_LOUD\" is none of",
        ),
    ] {
        let found = plugin(spec).expect_err(spec);
        assert!(found.contains(expected), "{spec}: {found}");
    }
}
