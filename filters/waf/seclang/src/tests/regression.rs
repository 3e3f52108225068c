use std::{collections::BTreeSet, fs};

use super::data;
use crate::{ParseOptions, loader::FileSystem, parse};

#[test]
fn rules_of_modsecurity_parse_as_it_says() {
    let Some(dir) = data("modsecurity-regression") else { return };
    let mut paths: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let loader = FileSystem::new(&dir);
    for path in paths {
        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
        let tests: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for test in tests.as_array().unwrap() {
            let title = test["title"].as_str().unwrap_or_default();
            let rules: Vec<&str> =
                test["rules"].as_array().unwrap().iter().map(|rule| rule.as_str().unwrap()).collect();
            let refused = test["expected"].get("parser_error").is_some();
            let parsed = parse(&file, rules.join("\n").as_bytes(), &loader, ParseOptions::default());
            match parsed {
                Ok(_) if refused => println!("PARSES: {file}: {title}"),
                Err(errors) if !refused => {
                    println!("REFUSED: {file}: {title}");
                    for error in errors.0 {
                        println!("{}", error.with_source());
                    }
                }
                _ => {}
            }
        }
    }
    let _ = BTreeSet::<u8>::new();
}
