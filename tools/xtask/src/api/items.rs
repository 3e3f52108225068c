//! One item of a source file, as users see it.

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item as Syntax, TraitItem, Visibility};

/// A public item.
pub(crate) struct Item {
    /// Its name.
    pub(crate) name: String,
    /// Its signatures, one a line: its own, and those of what it has.
    pub(crate) lines: Vec<String>,
    /// Whether it is what a user names: a type, a trait, a function, a macro.
    pub(crate) wants_example: bool,
    /// Whether its documentation has a code block, or that of anything it has.
    pub(crate) has_example: bool,
}

/// Whether users don't see it: it is for tests, or hidden.
pub(crate) fn is_hidden(item: &Syntax) -> bool {
    let attributes = match item {
        Syntax::Mod(item) => &item.attrs,
        Syntax::Macro(item) => &item.attrs,
        Syntax::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        let text = attribute.to_token_stream().to_string();
        text.contains("hidden") || text.contains("cfg (test)")
    })
}

/// What users see of an item; nothing where that is nothing.
pub(crate) fn describe(item: &Syntax) -> Option<Item> {
    let (name, attributes, mut lines) = match item {
        Syntax::Struct(item) if is_public(&item.vis) => {
            let mut item = item.clone();
            let attributes = std::mem::take(&mut item.attrs);
            hide_fields(&mut item.fields);
            (item.ident.to_string(), attributes, vec![text(&item)])
        }
        Syntax::Enum(item) if is_public(&item.vis) => {
            let mut item = item.clone();
            let attributes = std::mem::take(&mut item.attrs);
            for variant in &mut item.variants {
                variant.attrs.clear();
                variant.fields.iter_mut().for_each(|field| field.attrs.clear());
            }
            (item.ident.to_string(), attributes, vec![text(&item)])
        }
        Syntax::Trait(item) if is_public(&item.vis) => {
            let mut head = item.clone();
            let attributes = std::mem::take(&mut head.attrs);
            head.items.clear();
            let name = item.ident.to_string();
            let mut lines = vec![text(&head)];
            lines.extend(item.items.iter().map(|member| format!("{name}::{}", trait_member(member))));
            (name, attributes, lines)
        }
        Syntax::Fn(item) if is_public(&item.vis) => {
            (item.sig.ident.to_string(), item.attrs.clone(), vec![format!("pub {}", text(&item.sig))])
        }
        Syntax::Const(item) if is_public(&item.vis) => {
            let (name, kind) = (item.ident.to_string(), text(&item.ty));
            return Some(plain(format!("pub const {name} : {kind}")));
        }
        Syntax::Type(item) if is_public(&item.vis) => {
            let mut item = item.clone();
            item.attrs.clear();
            return Some(plain(text(&item)));
        }
        Syntax::Use(item) if is_public(&item.vis) => return Some(plain(text(item))),
        Syntax::Macro(item) if has(&item.attrs, "macro_export") => {
            let name = item.ident.as_ref()?.to_string();
            (name.clone(), item.attrs.clone(), vec![format!("macro {name}")])
        }
        Syntax::Impl(item) => return implementation(item),
        _ => return None,
    };
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    lines.extend(derives.map(|derive| format!("{name}: {}", text(derive))));
    let has_example = has_example(&attributes);
    Some(Item { name, lines, wants_example: true, has_example })
}

/// The public functions of a type, or the trait that it has.
fn implementation(item: &syn::ItemImpl) -> Option<Item> {
    let (generics, whom) = (text(&item.generics), text(&item.self_ty));
    if let Some((of, _)) = &item.trait_ {
        let wanted = &item.generics.where_clause;
        let line = format!("impl {generics} {} for {whom} {}", text(of), text(wanted));
        return Some(plain(line.trim_end().to_owned()));
    }
    let public = item.items.iter().filter_map(|member| match member {
        ImplItem::Fn(member) if is_public(&member.vis) => Some(text(&member.sig)),
        ImplItem::Const(member) if is_public(&member.vis) => {
            Some(format!("const {} : {}", member.ident, text(&member.ty)))
        }
        _ => None,
    });
    let lines: Vec<_> = public.map(|line| format!("{whom}::{line}")).collect();
    (!lines.is_empty()).then_some(Item { name: whom, lines, wants_example: false, has_example: false })
}

fn trait_member(member: &TraitItem) -> String {
    match member {
        TraitItem::Fn(member) => {
            let default = if member.default.is_some() { " = ..." } else { "" };
            format!("{}{default}", text(&member.sig))
        }
        TraitItem::Type(member) => {
            let mut member = member.clone();
            member.attrs.clear();
            text(&member)
        }
        TraitItem::Const(member) => format!("const {} : {}", member.ident, text(&member.ty)),
        other => text(other),
    }
}

fn hide_fields(fields: &mut Fields) {
    fields.iter_mut().for_each(|field| field.attrs.clear());
    let hidden = fields.iter().filter(|field| !is_public(&field.vis)).count();
    match fields {
        Fields::Named(named) => {
            named.named = named.named.iter().filter(|field| is_public(&field.vis)).cloned().collect();
        }
        // The place of a public one counts.
        Fields::Unnamed(unnamed) if hidden == unnamed.unnamed.len() => unnamed.unnamed.clear(),
        Fields::Unnamed(_) | Fields::Unit => {}
    }
}

fn plain(line: String) -> Item {
    Item { name: line.clone(), lines: vec![line], wants_example: false, has_example: false }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

/// Whether the documentation has a code block that is compiled.
fn has_example(attributes: &[Attribute]) -> bool {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    lines.map(text).any(|line| line.contains("\" ```\"") || line.contains("\" ```no_run\""))
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().replace('\n', " ")
}
