//! Plugins of the Core Rule Set.

use super::*;
use serde_json::json;

/// What the Core Rule Set's plugins are made of, in small, each with a request and its status.
#[test]
fn plugins_do_as_their_files_say() {
    if !built_in::has_core_rule_set() {
        println!("skipped: built without the Core Rule Set");
        return;
    }
    // A rule to switch a plugin off by, as all have it, and exclusions for one page that name rules by id, range and tag, of which
    // some are in other versions only.
    let exclusions = json!({
        "name": "shop-rule-exclusions",
        "config": ["#SecAction \\", "#  \"id:9599010,phase:1,pass,nolog,setvar:'tx.shop-rule-exclusions-plugin_enabled=0'\""],
        "before": [
            "SecRule TX:shop-rule-exclusions-plugin_enabled \"@eq 0\" \"id:9599099,phase:1,pass,nolog,ctl:ruleRemoveById=9599100-9599999\"",
            "SecRule REQUEST_FILENAME \"@endsWith /find\" \\",
            "    \"id:9599100,\\",
            "    phase:1,\\",
            "    pass,\\",
            "    t:none,\\",
            "    nolog,\\",
            "    ctl:ruleRemoveTargetById=942000-942999;ARGS:q,\\",
            "    ctl:ruleRemoveTargetById=999999;ARGS:fields[a][0][],\\",
            "    ctl:ruleRemoveTargetById=921180;TX:paramcounter_ARGS_NAMES:q,\\",
            "    ctl:ruleRemoveTargetByTag=attack-xss;ARGS:/^field_extra\\[,\\",
            "    ver:'shop/1.0.0'\"",
        ],
        "after": ["SecRuleUpdateTargetById 999999 TX:RESPONSE_BODY_DECOMPRESSED"],
    });
    let mut off = exclusions.clone();
    off["config"] = json!([
        "SecAction \"id:9599010,phase:1,pass,nolog,setvar:'tx.shop-rule-exclusions-plugin_enabled=0'\""
    ]);
    // Arguments as a transformation leaves them, for the rules to look at, too.
    let decoding = json!({
        "name": "decoding",
        "before": ["SecRule ARGS \"!@streq %{ARGS}\" \"id:9599200,phase:2,pass,t:none,t:hexDecode,nolog,setvar:'tx.tf_1_%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'\""],
        "after": ["SecRuleUpdateTargetById 942100 TX:/^tf_/", "SecRuleUpdateTargetById 942100 !TX:/^tf_1_ARGS:p/"],
    });
    // A callback that may have these parameters and no others.
    let callback = json!({
        "name": "callback",
        "before": [
            "SecRule &ARGS_GET:code \"@eq 1\" \"id:9599300,phase:2,pass,t:none,nolog,chain\"",
            "  SecRule REQUEST_METHOD \"@streq GET\" \"t:none,setvar:'tx.callback=1'\"",
            "SecRule TX:CALLBACK \"@eq 1\" \"id:9599310,phase:2,pass,t:none,nolog,chain\"",
            "  SecRule ARGS_NAMES \"@rx ^.*$\" \"capture,setvar:'tx.callback_arg_%{tx.0}=/%{tx.0}/',chain\"",
            "    SecRule TX:/^callback_arg_/ \"!@within /state/ /code/ %{tx.callback_more}\" \"setvar:'tx.callback=0'\"",
            "SecRule TX:CALLBACK \"@eq 1\" \"id:9599320,phase:2,pass,t:none,nolog,ctl:ruleRemoveTargetById=942000-942999;ARGS:state\"",
        ],
    });
    let attack = "1%27%20OR%20%271%27=%271";
    let hex: String = "1' OR '1'='1".bytes().map(|byte| format!("{byte:02x}")).collect();
    let cases = [
        (&exclusions, format!("/find?q={attack}"), 200),
        (&exclusions, format!("/find?p={attack}"), 403),
        (&exclusions, format!("/other?q={attack}"), 403),
        (&off, format!("/find?q={attack}"), 403),
        (&decoding, format!("/?q={hex}"), 403),
        (&decoding, format!("/?p={hex}"), 200),
        (&callback, format!("/?code=1&state={attack}"), 200),
        (&callback, format!("/?code=1&state={attack}&more=1"), 403),
        (&callback, format!("/?state={attack}"), 403),
    ];
    for (plugin, path, status) in cases {
        let config = json!({"crs": {"plugins": [plugin]}}).to_string();
        let request = Message::request("GET", &path)
            .with_header("host", "shop.test")
            .with_header("user-agent", "Mozilla/5.0")
            .with_header("accept", "*/*");
        let outcome =
            run(&loaded(&config), TestHost::new(), request, Message::response(200), Settings::default());
        assert_eq!(outcome.status(), status, "{}: {path}: {:#?}", plugin["name"], outcome.host.logs);
    }
    // Those that run programs are refused, by file and line.
    for (rules, expected) in [
        (
            ["SecRule TX:0 \"@inspectFile fake-bot.lua\" \"id:1,phase:1,deny\"", ""],
            "@plugins/lua-after.conf:1:15: SecRule: @inspectFile: @inspectFile is not supported: a filter runs no programs",
        ),
        (
            [
                "SecRule RESPONSE_BODY \"@rx ^x\" \"id:1,phase:4,pass,chain\"",
                "  SecRuleScript body-decompress.lua",
            ],
            "@plugins/lua-after.conf:2:17: SecRule: SecRuleScript is not supported: there is no Lua interpreter",
        ),
    ] {
        let config = json!({"crs": {"plugins": [{"name": "lua", "after": rules}]}}).to_string();
        let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert!(errors.to_string().contains(expected), "{errors}\nlacks {expected}");
    }
}
