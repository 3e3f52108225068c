//! The bill of materials: every crate that is compiled into a module, as [CycloneDX 1.5](https://cyclonedx.org/docs/1.5/json/).

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};
use cyclonedx_bom::external_models::normalized_string::NormalizedString;
use cyclonedx_bom::external_models::spdx::SpdxExpression;
use cyclonedx_bom::external_models::uri::Purl;
use cyclonedx_bom::models::bom::{Bom, SpecVersion};
use cyclonedx_bom::models::component::{Classification, Component, Components, Scope};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata as BomMetadata;
use cyclonedx_bom::validation::Validate;

use crate::Error;
use crate::layout::json;

pub(crate) const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

pub(crate) fn package<'m>(metadata: &'m Metadata, name: &str) -> Result<&'m Package, Error> {
    metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.name.as_str() == name)
        .ok_or_else(|| format!("the workspace has no package {name}").into())
}

/// `checksum` is the module's SHA-256.
pub(crate) fn write(metadata: &Metadata, module: &Package, checksum: &str) -> Result<Vec<u8>, Error> {
    let crates = compiled_into(metadata, module)?;
    let mut subject = component(module, Classification::Application)?;
    subject.hashes =
        Some(Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(checksum.into()) }]));
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &crates {
        let package = &metadata[id];
        if package.id != module.id {
            let mut component = component(package, Classification::Library)?;
            component.scope = Some(Scope::Required);
            components.push(component);
        }
        dependencies.push(Dependency {
            dependency_ref: reference(package),
            dependencies: linked(metadata, id)?
                .into_iter()
                .filter(|id| crates.contains(id))
                .map(|id| reference(&metadata[id]))
                .collect(),
        });
    }
    let bom = Bom {
        version: 1,
        // It would differ each time.
        serial_number: None,
        metadata: Some(BomMetadata { component: Some(subject), ..BomMetadata::default() }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        ..Bom::default()
    };
    let result = bom.validate_version(SpecVersion::V1_5);
    if !result.passed() {
        return Err(format!("the bill of materials is not CycloneDX: {result:?}").into());
    }
    let mut text = Vec::new();
    bom.output_as_json_v1_5(&mut text)?;
    json(&serde_json::from_slice::<serde_json::Value>(&text)?)
}

/// The crates that are linked into a package's module, itself among them; not what only builds or tests it.
fn compiled_into<'m>(metadata: &'m Metadata, package: &'m Package) -> Result<BTreeSet<&'m PackageId>, Error> {
    let mut found = BTreeSet::new();
    let mut open = vec![&package.id];
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(linked(metadata, id)?);
        }
    }
    Ok(found)
}

fn linked<'m>(metadata: &'m Metadata, id: &PackageId) -> Result<Vec<&'m PackageId>, Error> {
    let resolve = metadata.resolve.as_ref().ok_or("cargo metadata resolved nothing")?;
    let node = resolve
        .nodes
        .iter()
        .find(|node| node.id == *id)
        .ok_or_else(|| format!("cargo metadata has no {id}"))?;
    let of_kind = |dependency: &&cargo_metadata::NodeDep| {
        dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            && !metadata[&dependency.pkg].targets.iter().any(|target| target.is_proc_macro())
    };
    Ok(node.deps.iter().filter(of_kind).map(|dependency| &dependency.pkg).collect())
}

fn component(package: &Package, kind: Classification) -> Result<Component, Error> {
    let (name, version) = (package.name.as_str(), package.version.to_string());
    let mut component = Component::new(kind, name, &version, Some(reference(package)));
    component.purl = Some(Purl::new("cargo", name, &version)?);
    component.description = package.description.as_deref().map(|text| NormalizedString::new(text.trim()));
    component.licenses = package.license.as_deref().map(|license| {
        // Crates of before 2018 write `MIT/Apache-2.0`.
        let license = license.replace('/', " OR ");
        Licenses(vec![LicenseChoice::Expression(SpdxExpression::new(&license))])
    });
    Ok(component)
}

/// Not the package id: that of a workspace member is a path.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}
