//! How a section of the file becomes a struct of the program, and back.
//!
//! Every section has two shapes. The *written* one mirrors the file: each key is optional and has the form that stands
//! in the file (`handshake_seconds: 10`). The *typed* one is what the program uses: nothing is optional that has a
//! default, and units are types. [`section!`] makes both of one list of keys, so that a key, its meaning and its default
//! stand in one place, and the schema and the documentation can be told from it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::field;
use crate::secret::Secret;

/// What can stand behind a key.
pub(crate) trait Value: Sized + Serialize + JsonSchema {
    /// Reads it; none where what stands there counts as not written.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error>;
}

/// A typed value that has a written shape.
pub(crate) trait Setting: Sized {
    /// What stands in the file.
    type Written: Value;

    /// What is written, over `default`.
    fn or(written: Option<Self::Written>, default: Self) -> Self;

    /// As it would be written; none where that can be done by leaving the key empty alone.
    fn written(&self) -> Option<Self::Written>;
}

/// A [`Setting`] with keys of its own.
pub(crate) trait Section: Setting {
    /// What holds where the file says nothing.
    fn unwritten() -> Self;
}

/// Makes a struct of the program and the shape of its section in the file.
///
/// A key is `name: Type = default`. `name: Type as Form = default` has another form in the file, which the type is made
/// from by `From`. `#[serde(rename = …)]` gives the key a name other than the field's, `#[serde(alias = …)]` further ones.
/// The comments of struct and fields are the documentation of section and keys: they speak to operators.
macro_rules! section {
    ($(#[doc = $about:literal])* pub struct $name:ident { $($body:tt)* }) => {
        $crate::section::section_without_default! { $(#[doc = $about])* pub struct $name { $($body)* } }

        impl Default for $name {
            fn default() -> Self {
                <Self as $crate::section::Section>::unwritten()
            }
        }
    };
}

/// As [`section!`], for a section whose [`Default`] is not what holds where a file says nothing.
macro_rules! section_without_default {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $field:ident: $type:ty $(as $form:ty)? = $default:expr
            ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $($(#[doc = $doc])* pub $field: $type,)*
        }

        const _: () = {
            $(#[doc = $about])*
            #[derive(Debug, Default, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
            #[serde(deny_unknown_fields)]
            #[schemars(inline, transform = $crate::section::state_defaults::<$name>)]
            pub(crate) struct Written {
                $(
                    $(#[doc = $doc])*
                    #[serde(default, deserialize_with = "crate::section::Value::read")]
                    $(#[serde($($serde)*)])?
                    $field: Option<$crate::section::form!($type $(as $form)?)>,
                )*
            }

            impl $crate::section::Value for Written {
                fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                    serde::Deserialize::deserialize(deserializer)
                }
            }

            impl $crate::section::Setting for $name {
                type Written = Written;

                fn or(written: Option<Written>, default: Self) -> Self {
                    let written = written.unwrap_or_default();
                    Self { $($field: $crate::section::typed!(written.$field, default.$field, $($form)?),)* }
                }

                fn written(&self) -> Option<Written> {
                    Some(Written { $($field: $crate::section::written!(self.$field, $($form)?),)* })
                }
            }

            impl $crate::section::Section for $name {
                fn unwritten() -> Self {
                    Self { $($field: $default,)* }
                }
            }
        };
    };
}

/// The form of a key in the file.
macro_rules! form {
    ($type:ty as $form:ty) => {
        $form
    };
    ($type:ty) => {
        <$type as $crate::section::Setting>::Written
    };
}

macro_rules! typed {
    ($written:expr, $default:expr, $form:ty) => {
        $written.map_or($default, Into::into)
    };
    ($written:expr, $default:expr,) => {
        $crate::section::Setting::or($written, $default)
    };
}

macro_rules! written {
    ($typed:expr, $form:ty) => {
        Some(<$form>::from($typed.clone()))
    };
    ($typed:expr,) => {
        $crate::section::Setting::written(&$typed)
    };
}

pub(crate) use {form, section, section_without_default, typed, written};

/// Values that are their own written form.
macro_rules! plain {
    ($($type:ty: $read:path;)*) => {
        $(
            impl Value for $type {
                fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                    $read(deserializer)
                }
            }

            impl Setting for $type {
                type Written = Self;

                fn or(written: Option<Self>, default: Self) -> Self {
                    written.unwrap_or(default)
                }

                fn written(&self) -> Option<Self> {
                    Some(self.clone())
                }
            }
        )*
    };
}

plain! {
    bool: Deserialize::deserialize;
    i64: Deserialize::deserialize;
    u32: Deserialize::deserialize;
    String: field::text;
    PathBuf: field::text;
    BTreeMap<String, String>: Deserialize::deserialize;
    BTreeMap<String, Secret>: Deserialize::deserialize;
}

pub(crate) use plain;

impl<T: Setting> Setting for Option<T>
where
    T: Default,
{
    type Written = T::Written;

    fn or(written: Option<T::Written>, default: Self) -> Self {
        match written {
            Some(written) => Some(T::or(Some(written), T::default())),
            None => default,
        }
    }

    fn written(&self) -> Option<T::Written> {
        self.as_ref().and_then(T::written)
    }
}

impl<T: for<'de> Deserialize<'de> + Value> Value for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Deserialize::deserialize(deserializer)
    }
}

impl<T: Setting<Written: for<'de> Deserialize<'de>> + Default> Setting for Vec<T> {
    type Written = Vec<T::Written>;

    fn or(written: Option<Self::Written>, default: Self) -> Self {
        match written {
            Some(items) => items.into_iter().map(|item| T::or(Some(item), T::default())).collect(),
            None => default,
        }
    }

    fn written(&self) -> Option<Self::Written> {
        Some(self.iter().filter_map(T::written).collect())
    }
}

/// Puts the defaults of the section `S` into its schema.
pub(crate) fn state_defaults<S: Section>(schema: &mut Schema) {
    let defaults = serde_json::to_value(S::unwritten().written()).expect("a configuration has text keys alone");
    if let Some(schema) = schema.as_object_mut() {
        state(schema, &defaults);
    }
}

fn state(schema: &mut serde_json::Map<String, Json>, default: &Json) {
    let (Some(Json::Object(properties)), Json::Object(defaults)) = (schema.get_mut("properties"), default) else {
        schema.insert("default".to_owned(), default.clone());
        return;
    };
    for (key, property) in properties {
        if let (Json::Object(property), Some(default)) = (property, defaults.get(key)) {
            state(property, default);
        }
    }
    schema.remove("default");
}
