//! The filters that a plan needs: locations with the same configuration share one.

use crate::features::canary::Canary;
use crate::json::Put;
use crate::plan::{Location, Plan};
use serde_json::{Value, json};

/// A filter, with one configuration.
#[derive(Debug)]
pub(crate) struct Instance {
    /// The module.
    pub(crate) module: &'static str,
    /// A name of its own: the module's, and a number from the second on.
    pub(crate) name: String,
    pub(crate) config: Value,
    /// The environment variables that its module's filters read: all have all of them, because some versions of Envoy (1.36)
    /// run filters in one VM whose variables differ, with those of the first.
    pub(crate) variables: Vec<String>,
}

/// In the order in which they run.
pub(crate) const MODULES: [&str; 4] = ["waf", "authz", "canary", "affinity"];

/// All filters of a plan.
#[derive(Debug, Default)]
pub(crate) struct Instances(Vec<Instance>);

impl Instances {
    /// `act` says how the canary filter acts.
    pub(crate) fn of(plan: &Plan, act: Option<&Value>) -> Self {
        let mut instances = Self::default();
        for module in MODULES {
            for location in plan.hosts.values().flat_map(|host| &host.locations) {
                if let Some(config) = config(location, module, act) {
                    instances.add(module, config);
                }
            }
            instances.name_variables(plan, module);
        }
        instances
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Instance> {
        self.0.iter()
    }

    /// The names of the filters that stand before a location.
    pub(crate) fn before(&self, location: &Location, act: Option<&Value>) -> Vec<&Instance> {
        let wanted = MODULES.iter().filter_map(|module| Some((*module, config(location, module, act)?)));
        let find = |(module, config): (&str, Value)| {
            self.0.iter().find(|instance| instance.module == module && instance.config == config)
        };
        wanted.filter_map(find).collect()
    }

    fn add(&mut self, module: &'static str, config: Value) {
        let mut same = self.0.iter().filter(|instance| instance.module == module);
        if same.clone().any(|instance| instance.config == config) {
            return;
        }
        let number = same.by_ref().count() + 1;
        let name = if number == 1 { module.to_owned() } else { format!("{module}-{number}") };
        self.0.push(Instance { module, name, config, variables: Vec::new() });
    }

    fn name_variables(&mut self, plan: &Plan, module: &str) {
        let of_module = |instance: &&mut Instance| instance.module == module;
        let texts: Vec<String> =
            self.0.iter_mut().filter(of_module).map(|instance| instance.config.to_string()).collect();
        let reads = |variable: &&String| {
            let reference = format!("\"${{{variable}}}\"");
            texts.iter().any(|text| text.contains(&reference))
        };
        let variables: Vec<String> = plan.variables.keys().filter(reads).cloned().collect();
        for instance in self.0.iter_mut().filter(of_module) {
            instance.variables.clone_from(&variables);
        }
    }
}

/// The configuration of a filter for a location.
fn config(location: &Location, module: &str, act: Option<&Value>) -> Option<Value> {
    match module {
        "waf" => location.waf.as_ref().map(|waf| waf.config.clone()),
        "authz" => location.authz.clone(),
        "canary" => location.canary.as_ref().map(|canary| releases(&[canary], act)),
        _ => location.affinity_config(),
    }
}

/// The canary filter's configuration of these canaries.
pub(crate) fn releases(canaries: &[&Canary], act: Option<&Value>) -> Value {
    let all: Vec<&Value> = canaries.iter().map(|canary| &canary.config).collect();
    let mut config = json!({"releases": all});
    let flags = canaries.iter().filter_map(|canary| canary.compatibility.as_object()).flatten();
    for (name, value) in flags {
        config.member("compatibility").put(name, value.clone());
    }
    if let Some(cookie) = canaries.iter().find_map(|canary| canary.cookie.as_ref()) {
        config.put("affinity", json!({"cookie": {"name": cookie}}));
    }
    if let Some(act) = act {
        config.put("act", act.clone());
    }
    config
}
