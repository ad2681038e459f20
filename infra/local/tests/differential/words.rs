//! Random expressions from the elements of those of Hongyan's functions.

use crate::random::SeededRandom;
use crate::table::Table;
use serde_json::{Map, Value, json};

/// Attributes that aren't keys, some of them with names that DynamoDB reserves.
pub(crate) const ATTRIBUTES: [&str; 12] = [
    "status",
    "state",
    "version",
    "attempts",
    "reserved_by",
    "receipts",
    "follows",
    "auto_reply",
    "forced_at",
    "left_at",
    "expires",
    "hashes",
];
/// Those whose names have to be written as `#name`.
const RESERVED: [&str; 6] = ["at", "item", "owner", "state", "status", "user"];

/// Those that something can be added to: numbers and sets.
const ADDED: [&str; 7] =
    ["version", "attempts", "left_at", "expires", "due_at", "reserved_by", "receipts"];

/// The names and values that an expression speaks of.
#[derive(Default)]
pub(crate) struct Words {
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl Words {
    /// How an attribute is called in the expression.
    pub(crate) fn name(&mut self, random: &mut SeededRandom, name: &str) -> String {
        if !RESERVED.contains(&name) && random.below(2) == 0 {
            return name.to_owned();
        }
        let alias = format!("#{name}");
        self.names.insert(alias.clone(), name.into());
        alias
    }

    /// How a value is called in the expression.
    pub(crate) fn value(&mut self, value: Value) -> String {
        let alias = format!(":v{}", self.values.len());
        self.values.insert(alias.clone(), value);
        alias
    }

    /// The value that was named last isn't spoken of after all.
    fn remove(&mut self, alias: &str) {
        self.values.remove(alias);
    }

    /// Another value under the same name.
    pub(crate) fn replace(&mut self, alias: &str, value: Value) {
        self.values.insert(alias.to_owned(), value);
    }

    pub(crate) fn put_into(self, body: &mut Map<String, Value>) {
        if !self.names.is_empty() {
            body.insert("ExpressionAttributeNames".to_owned(), self.names.into());
        }
        if !self.values.is_empty() {
            body.insert("ExpressionAttributeValues".to_owned(), self.values.into());
        }
    }
}

fn text(random: &mut SeededRandom) -> Value {
    let all = ["free", "reserved", "used", "sent", ""];
    json!({ "S": all[random.below(all.len())] })
}

fn number(random: &mut SeededRandom) -> Value {
    let all = ["0", "1", "2", "3", "-1", "1.5", "10", "007", "100", "0.10", "-0"];
    json!({ "N": all[random.below(all.len())] })
}

fn texts(random: &mut SeededRandom) -> Value {
    let mut all = ["a", "b", "c", "d"];
    random.shuffle(&mut all);
    json!({ "SS": all[..=random.below(3)] })
}

/// A value of the kind that the attribute has, as a rule.
pub(crate) fn value_of(random: &mut SeededRandom, name: &str) -> Value {
    match name {
        "status" | "state" => text(random),
        "reserved_by" | "receipts" => texts(random),
        "follows" => json!({ "BOOL": random.below(2) == 0 }),
        "auto_reply" => json!({ "M": { "owner": text(random), "at": number(random) } }),
        "forced_at" => {
            json!({ "L": (0..random.below(3)).map(|_| number(random)).collect::<Vec<_>>() })
        }
        // Far enough in the future that it isn't deleted.
        "expires" => json!({ "N": (4_000_000_000 + random.below(3)).to_string() }),
        "hashes" if random.below(4) == 0 => any_value(random),
        "hashes" => {
            let bytes = ["AAEC", "/w==", "eHl6"][random.below(3)];
            json!({ "B": bytes })
        }
        _ => number(random),
    }
}

/// A value of any kind.
fn any_value(random: &mut SeededRandom) -> Value {
    match random.below(6) {
        0 => text(random),
        1 => number(random),
        2 => texts(random),
        3 => json!({ "BOOL": true }),
        4 => json!({ "NULL": true }),
        _ => json!({ "L": [text(random)] }),
    }
}

/// An attribute that something may be true of, and its top-level name.
fn path(random: &mut SeededRandom, words: &mut Words, table: &Table) -> (String, String) {
    match random.below(12) {
        0 => {
            let (answer, owner) = (words.name(random, "auto_reply"), words.name(random, "owner"));
            (format!("{answer}.{owner}"), "status".to_owned())
        }
        1 => (format!("{}[0]", words.name(random, "forced_at")), "attempts".to_owned()),
        2 | 3 => {
            let index = table.indexes.first().map(|index| &index.keys);
            let keys = index.filter(|_| random.below(2) == 0).unwrap_or(&table.keys);
            let name = keys[random.below(keys.len())].name.clone();
            (words.name(random, &name), name)
        }
        _ => {
            let name = ATTRIBUTES[random.below(ATTRIBUTES.len())];
            (words.name(random, name), name.to_owned())
        }
    }
}

/// Something that is true of an item, or isn't.
pub(crate) fn condition(
    random: &mut SeededRandom,
    words: &mut Words,
    table: &Table,
    depth: usize,
) -> String {
    if depth > 0 && random.below(2) == 0 {
        let one = condition(random, words, table, depth - 1);
        return match random.below(5) {
            0 => format!("NOT {one}"),
            1 | 2 => format!("({one} AND {})", condition(random, words, table, depth - 1)),
            _ => format!("({one} OR {})", condition(random, words, table, depth - 1)),
        };
    }
    let mut one_of = |random: &mut SeededRandom, names: &[&str]| {
        let name = names[random.below(names.len())];
        words.name(random, name)
    };
    match random.below(12) {
        9 => {
            let path = one_of(random, &["reserved_by", "receipts", "status", "state"]);
            let part = ["a", "e", "free"][random.below(3)];
            return format!("contains({path}, {})", words.value(json!({ "S": part })));
        }
        10 => {
            let path =
                one_of(random, &["reserved_by", "receipts", "forced_at", "status", "auto_reply"]);
            let sign = ["<", "=", ">="][random.below(3)];
            let many = words.value(json!({ "N": random.below(4).to_string() }));
            return format!("size({path}) {sign} {many}");
        }
        11 if random.below(2) == 0 => {
            let path = one_of(random, &["status", "state"]);
            return format!("begins_with({path}, {})", words.value(json!({ "S": "re" })));
        }
        11 => {
            let path = one_of(random, &["version", "attempts", "left_at", "forced_at", "status"]);
            let (low, high) = (random.below(3), 2 + random.below(3));
            let low = words.value(json!({ "N": low.to_string() }));
            let high = words.value(json!({ "N": high.to_string() }));
            return format!("{path} BETWEEN {low} AND {high}");
        }
        _ => {}
    }
    let (path, name) = path(random, words, table);
    let mut value = |random: &mut SeededRandom| {
        let value = match table.key(&name) {
            Some(key) => key.values[random.below(key.values.len())].clone(),
            None => value_of(random, &name),
        };
        words.value(value)
    };
    match random.below(9) {
        0 | 1 => format!("attribute_exists({path})"),
        2..5 => format!("attribute_not_exists({path})"),
        5 | 6 => format!("{path} = {}", value(random)),
        7 if !["follows", "auto_reply", "reserved_by", "receipts", "forced_at", "hashes"]
            .contains(&&*name) =>
        {
            let sign = ["<", "<=", ">", ">="][random.below(4)];
            format!("{path} {sign} {}", value(random))
        }
        7 => format!("{path} <> {}", value(random)),
        _ => format!("{path} IN ({}, {})", value(random), value(random)),
    }
}

/// What an update changes.
pub(crate) fn update(random: &mut SeededRandom, words: &mut Words, table: &Table) -> String {
    let mut names: Vec<&str> = ATTRIBUTES.to_vec();
    let keys = table.indexes.iter().flat_map(|index| &index.keys);
    names.extend(
        keys.map(|key| key.name.as_str())
            .filter(|name| !table.keys.iter().any(|key| key.name == **name)),
    );
    if random.below(60) == 0 {
        names.push(&table.keys[random.below(table.keys.len())].name);
    }
    random.shuffle(&mut names);
    let mut names = names.into_iter();
    let (mut set, mut remove, mut add, mut delete) = (vec![], vec![], vec![], vec![]);
    for _ in 0..=random.below(3) {
        let Some(name) = names.next() else { break };
        match random.below(10) {
            0 | 1 => remove.push(words.name(random, name)),
            2 if ["reserved_by", "receipts"].contains(&name) => {
                let path = words.name(random, name);
                delete.push(format!("{path} {}", words.value(texts(random))));
            }
            2 | 3 if ADDED.contains(&name) => {
                let path = words.name(random, name);
                let value = match name {
                    "reserved_by" | "receipts" => texts(random),
                    _ => number(random),
                };
                add.push(format!("{path} {}", words.value(value)));
            }
            _ => set.push(assignment(random, words, table, name)),
        }
    }
    let mut clauses = Vec::new();
    for (word, parts) in [("SET", set), ("REMOVE", remove), ("ADD", add), ("DELETE", delete)] {
        if !parts.is_empty() {
            clauses.push(format!("{word} {}", parts.join(", ")));
        }
    }
    clauses.join(" ")
}

fn assignment(random: &mut SeededRandom, words: &mut Words, table: &Table, name: &str) -> String {
    let path = words.name(random, name);
    let given = if let Some(key) = table.key(name) {
        key.values[random.below(key.values.len())].clone()
    } else {
        value_of(random, name)
    };
    let value = words.value(given);
    match (name, random.below(6)) {
        (_, 0) => format!("{path} = if_not_exists({path}, {value})"),
        ("version" | "attempts" | "left_at" | "due_at", 1 | 2) => {
            let none = words.value(json!({ "N": "0" }));
            format!("{path} = if_not_exists({path}, {none}) + {value}")
        }
        ("version" | "attempts" | "left_at", 3) => format!("{path} = {path} - {value}"),
        ("forced_at", 1 | 2) => {
            let none = words.value(json!({ "L": [] }));
            format!("{path} = list_append(if_not_exists({path}, {none}), {value})")
        }
        ("forced_at", 3) => format!("{path}[0] = {value}"),
        ("auto_reply", 1 | 2) => {
            let at = words.name(random, "at");
            format!("{path}.{at} = {value}")
        }
        // To where a number may be. Elsewhere ministack refuses `begins_with` of it, and
        // gives it a size of 0; AWS documents neither.
        ("attempts" | "left_at" | "due_at" | "hashes", 5) => {
            let other = words.name(random, "version");
            words.remove(&value);
            format!("{path} = {other}")
        }
        _ => format!("{path} = {value}"),
    }
}
