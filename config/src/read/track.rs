//! Reading with an eye on where things stand.
//!
//! [`Tracked`] stands between the YAML parser and the structs. It follows the path through the file, remembers the place
//! of every key, and is the one who notices a key that a section does not have: to refuse it with its place and what is
//! known there, or, leniently, to leave it out.

use std::cell::RefCell;
use std::fmt::{self, Write};
use std::path::Path;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde_saphyr::Spanned;

use crate::error::Place;
use crate::places::Places;

/// A key that its section does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// Where it stands.
    pub place: Place,
    /// The section that it stands in, dotted; empty at the top level.
    pub section: String,
    /// The key as written.
    pub key: String,
    /// The keys of that section.
    pub known: Vec<&'static str>,
}

/// What is learnt while reading.
#[derive(Debug)]
pub(crate) struct Tracker<'a> {
    file: &'a Path,
    lenient: bool,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    /// The keys on the way to where the reading is, or where it stopped.
    path: Vec<Step>,
    /// The key read last.
    last: Place,
    places: Places,
    /// Keys that were left out.
    unknown: Vec<UnknownKey>,
    /// The key that ended the reading.
    refused: Option<UnknownKey>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl<'a> Tracker<'a> {
    pub(crate) fn new(file: &'a Path, lenient: bool) -> Self {
        let last = Place::new(file, 0, 0);
        let state = State { path: Vec::new(), last, places: Places::of(file), unknown: Vec::new(), refused: None };
        Self { file, lenient, state: RefCell::new(state) }
    }

    /// Where the reading stopped, dotted; empty at the top level.
    pub(crate) fn path(&self) -> String {
        dotted(&self.state.borrow().path)
    }

    /// The place of the key that was read last.
    pub(crate) fn last(&self) -> Place {
        self.state.borrow().last.clone()
    }

    /// The unknown key that ended the reading, if one did.
    pub(crate) fn refused(&self) -> Option<UnknownKey> {
        self.state.borrow().refused.clone()
    }

    /// The places of all keys, and the keys that were left out, in order.
    pub(crate) fn into_found(self) -> (Places, Vec<UnknownKey>) {
        let state = self.state.into_inner();
        (state.places, state.unknown)
    }

    /// Goes into `key`. A key that is not among `known` is noted instead, and left out if that is allowed.
    fn enter(&self, key: &Spanned<String>, known: Option<&'static [&'static str]>) -> Entered {
        let mut state = self.state.borrow_mut();
        let (line, column) = (key.defined.line(), key.defined.column());
        state.last = Place::new(self.file, line, column);
        if let Some(known) = known.filter(|known| !known.contains(&key.value.as_str())) {
            let (place, section) = (state.last.clone(), dotted(&state.path));
            let unknown = UnknownKey { place, section, key: key.value.clone(), known: known.to_vec() };
            if self.lenient {
                state.unknown.push(unknown);
                return Entered::LeaveOut;
            }
            state.refused = Some(unknown);
            return Entered::Refused;
        }
        // An item of a list has no key: it stands where its first one does.
        let section = dotted(&state.path);
        state.places.found_first(section, line, column);
        state.path.push(Step::Key(key.value.clone()));
        let path = dotted(&state.path);
        state.places.found(path, line, column);
        Entered::Yes
    }

    fn enter_item(&self, index: usize) {
        self.state.borrow_mut().path.push(Step::Index(index));
    }

    fn leave(&self) {
        self.state.borrow_mut().path.pop();
    }
}

enum Entered {
    Yes,
    LeaveOut,
    Refused,
}

fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        let written = match step {
            Step::Key(key) if text.is_empty() => write!(text, "{key}"),
            Step::Key(key) => write!(text, ".{key}"),
            Step::Index(index) => write!(text, "[{index}]"),
        };
        written.expect("writing to a String cannot fail");
    }
    text
}

/// A deserializer, seed, visitor or access that is watched.
pub(crate) struct Tracked<'t, 'f, T> {
    pub(crate) inner: T,
    pub(crate) tracker: &'t Tracker<'f>,
}

macro_rules! watched {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {
        $(
            fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
                self.inner.$method($($arg,)* Watch { visitor, known: None, tracker: self.tracker })
            }
        )*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Tracked<'_, '_, D> {
    type Error = D::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_struct(name, fields, Watch { visitor, known: Some(fields), tracker: self.tracker })
    }

    watched! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Tracked<'_, '_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Tracked { inner: deserializer, tracker: self.tracker })
    }
}

/// A visitor that is watched.
struct Watch<'t, 'f, V> {
    visitor: V,
    /// The keys of the section that is read; none where any key is good.
    known: Option<&'static [&'static str]>,
    tracker: &'t Tracker<'f>,
}

macro_rules! passed_on {
    ($($method:ident($type:ty);)*) => {
        $(
            fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
                self.visitor.$method(value)
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watch<'_, '_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    passed_on! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Tracked { inner, tracker: self.tracker })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Tracked { inner, tracker: self.tracker })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Items { inner, next: 0, tracker: self.tracker })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Keys { inner, known: self.known, tracker: self.tracker })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(inner)
    }
}

/// The items of a list.
struct Items<'t, 'f, A> {
    inner: A,
    next: usize,
    tracker: &'t Tracker<'f>,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<'_, '_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.tracker.enter_item(self.next);
        let item = self.inner.next_element_seed(Tracked { inner: seed, tracker: self.tracker })?;
        self.tracker.leave();
        self.next += 1;
        Ok(item)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

/// The keys of a section.
struct Keys<'t, 'f, A> {
    inner: A,
    known: Option<&'static [&'static str]>,
    tracker: &'t Tracker<'f>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Keys<'_, '_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        while let Some(key) = self.inner.next_key::<Spanned<String>>()? {
            match self.tracker.enter(&key, self.known) {
                Entered::Yes => return seed.deserialize(key.value.into_deserializer()).map(Some),
                Entered::LeaveOut => {
                    self.inner.next_value::<IgnoredAny>()?;
                }
                Entered::Refused => return Err(A::Error::custom("unknown key")),
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.inner.next_value_seed(Tracked { inner: seed, tracker: self.tracker })?;
        self.tracker.leave();
        Ok(value)
    }
}
