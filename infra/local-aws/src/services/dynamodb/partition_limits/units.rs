//! The units that a write of one item consumes, by partition key value.

use dynoxide::types::{item_size, table_write_capacity_units, write_capacity_units};
use dynoxide::{AttributeValue, Database, Item};
use serde_json::Value;

use super::buckets::Partition;

/// A transaction is prepared and committed: twice the units, of the table only.
const TRANSACTION_FACTOR: f64 = 2.0;

/// The keys of a table and of its indexes.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    /// The table, as an index of everything.
    table: Index,
    indexes: Vec<Index>,
}

/// An index, or a table.
#[derive(Clone, Debug)]
struct Index {
    /// What is throttled: a local index is a part of its table.
    resource: String,
    hash: Vec<String>,
    range: Vec<String>,
    /// The attributes that it has; all if `None`.
    projected: Option<Vec<String>>,
}

/// What an update is going to change, as far as its text says.
pub(super) enum ItemChange<'a> {
    /// To this item; `None` for a deletion.
    To(Option<&'a Item>),
    /// Some attributes: those that the function is true for.
    Some(&'a dyn Fn(&str) -> bool),
    /// Nothing: the item is only looked at.
    Nothing,
}

impl Schema {
    /// Of the table of this name.
    pub(super) fn read(database: &Database, table: &str) -> Option<Self> {
        let found = database.get_table_metadata(table).ok()??;
        let keys: Value = serde_json::from_str(&found.key_schema).ok()?;
        let table = Index {
            resource: table.to_owned(),
            hash: key_names(&keys, "HASH"),
            range: key_names(&keys, "RANGE"),
            projected: None,
        };
        let list = |json: Option<String>| -> Vec<Value> {
            json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default()
        };
        let global = list(found.gsi_definitions);
        let global = global.iter().map(|definition| {
            let name = definition["IndexName"].as_str().unwrap_or_default();
            Index::read(format!("{}/index/{name}", table.resource), definition, &table)
        });
        let local = list(found.lsi_definitions);
        let local =
            local.iter().map(|definition| Index::read(table.resource.clone(), definition, &table));
        let indexes = global.chain(local).collect();
        Some(Self { indexes, table })
    }

    /// The partition of the table in which an item with this key is.
    pub(super) fn partition(&self, key: &Item, reads: bool) -> Option<Partition> {
        self.table.partition(key, reads)
    }

    /// The names of the attributes that are the partition key of an index, or of the
    /// table, and its resource.
    pub(super) fn hash_of(&self, index: Option<&str>) -> Option<(&str, &[String])> {
        let found = match index {
            None => Some(&self.table),
            Some(index) => {
                let end = format!("/index/{index}");
                self.indexes.iter().find(|index| index.resource.ends_with(&end))
            }
        };
        found.map(|index| (index.resource.as_str(), index.hash.as_slice()))
    }

    /// The key of an item.
    pub(super) fn key(&self, item: &Item) -> Item {
        let names = self.table.hash.iter().chain(&self.table.range);
        names.filter_map(|name| Some((name.clone(), item.get(name)?.clone()))).collect()
    }

    /// The units of a write from one image to the other.
    pub(super) fn written(
        &self,
        key: &Item,
        before: Option<&Item>,
        after: Option<&Item>,
        in_transaction: bool,
    ) -> Vec<(Partition, f64)> {
        let mut all = self.looked_at(key, before, after, in_transaction);
        for index in &self.indexes {
            let entries =
                (before.and_then(|it| index.entry(it)), after.and_then(|it| index.entry(it)));
            match entries {
                (Some(old), Some(new)) if old == new => {}
                // Overwritten in its place.
                (Some(old), Some(new)) if old.key == new.key => {
                    all.push((new.partition.clone(), old.units().max(new.units())));
                }
                // Deleted, put, or both.
                (old, new) => {
                    let moved = [old, new].into_iter().flatten();
                    all.extend(moved.map(|entry| (entry.partition.clone(), entry.units())));
                }
            }
        }
        all
    }

    /// The units of the table alone: a write whose condition fails consumes them too.
    pub(super) fn looked_at(
        &self,
        key: &Item,
        before: Option<&Item>,
        after: Option<&Item>,
        in_transaction: bool,
    ) -> Vec<(Partition, f64)> {
        let units = table_write_capacity_units(before.map(item_size), after.map(item_size));
        let units = if in_transaction { units * TRANSACTION_FACTOR } else { units };
        self.partition(key, false).map(|partition| (partition, units)).into_iter().collect()
    }

    /// The units that a write is going to consume, as far as they are known before.
    pub(super) fn expected(
        &self,
        key: &Item,
        before: Option<&Item>,
        change: &ItemChange<'_>,
        in_transaction: bool,
    ) -> Vec<(Partition, f64)> {
        let changes = match change {
            ItemChange::To(after) => return self.written(key, before, *after, in_transaction),
            ItemChange::Nothing => return self.looked_at(key, before, before, in_transaction),
            ItemChange::Some(changes) => changes,
        };
        let mut all = self.looked_at(key, before, None, in_transaction);
        for index in &self.indexes {
            let is_changed = match &index.projected {
                None => true,
                Some(names) => names.iter().any(|name| changes(name)),
            };
            if let Some(entry) = before.filter(|_| is_changed).and_then(|it| index.entry(it)) {
                all.push((entry.partition.clone(), entry.units()));
            }
        }
        all
    }
}

/// An item as an index has it.
#[derive(PartialEq)]
struct Entry {
    partition: Partition,
    key: Vec<AttributeValue>,
    item: Item,
}

impl Entry {
    fn units(&self) -> f64 {
        write_capacity_units(item_size(&self.item))
    }
}

impl Index {
    fn read(resource: String, definition: &Value, table: &Self) -> Self {
        let hash = key_names(&definition["KeySchema"], "HASH");
        let range = key_names(&definition["KeySchema"], "RANGE");
        let projection = &definition["Projection"];
        let projected = (projection["ProjectionType"] != "ALL").then(|| {
            let more = projection["NonKeyAttributes"].as_array().into_iter().flatten();
            let more = more.filter_map(Value::as_str).map(str::to_owned);
            let keys = [&hash, &range, &table.hash, &table.range].into_iter().flatten().cloned();
            keys.chain(more).collect()
        });
        Self { resource, hash, range, projected }
    }

    fn partition(&self, item: &Item, reads: bool) -> Option<Partition> {
        let values: Option<Vec<_>> = self.hash.iter().map(|name| item.get(name)).collect();
        let key = serde_json::to_string(&values?).ok()?;
        Some(Partition { resource: self.resource.clone(), key, reads })
    }

    /// `None` if the item lacks one of the index's keys.
    fn entry(&self, item: &Item) -> Option<Entry> {
        let partition = self.partition(item, false)?;
        let names = self.hash.iter().chain(&self.range);
        let key = names.map(|name| item.get(name).cloned()).collect::<Option<_>>()?;
        let has = |name: &String| self.projected.as_ref().is_none_or(|names| names.contains(name));
        let item = item.iter().filter(|(name, _)| has(name));
        let item = item.map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(Entry { partition, key, item })
    }
}

fn key_names(schema: &Value, kind: &str) -> Vec<String> {
    let keys = schema.as_array().into_iter().flatten().filter(|key| key["KeyType"] == kind);
    keys.filter_map(|key| key["AttributeName"].as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn item(value: Value) -> Item {
        serde_json::from_value(value).unwrap()
    }

    /// Units by resource and key.
    fn units(mut written: Vec<(Partition, f64)>) -> Vec<(String, f64)> {
        written.sort_by(|a, b| (&a.0.resource, &a.0.key).cmp(&(&b.0.resource, &b.0.key)));
        let name = |it: Partition| format!("{} {}", it.resource, it.key);
        written.into_iter().map(|(partition, units)| (name(partition), units)).collect()
    }

    #[test]
    fn an_index_costs_what_changes_in_it() {
        let database = Database::memory().unwrap();
        let name = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let definition = json!({
            "TableName": "letters", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [name("to"), name("id"), name("state"), name("at")],
            "KeySchema": [key("to", "HASH"), key("id", "RANGE")],
            "GlobalSecondaryIndexes": [{
                "IndexName": "by-state", "Projection": { "ProjectionType": "KEYS_ONLY" },
                "KeySchema": [key("state", "HASH"), key("at", "RANGE")],
            }],
        });
        database.create_table(serde_json::from_value(definition).unwrap()).unwrap();
        let schema = Schema::read(&database, "letters").unwrap();
        let row = |state: &str, at: &str, body: usize| {
            item(json!({
                "to": { "S": "ann" }, "id": { "S": "1" }, "state": { "S": state },
                "at": { "S": at }, "body": { "S": "x".repeat(body) },
            }))
        };
        let (open, noted) = (row("open", "1", 9), row("open", "1", 1500));
        let (later, sent) = (row("open", "2", 9), row("sent", "1", 9));
        let mut out = open.clone();
        out.remove("state");
        let (table, o, s) = (
            r#"letters [{"S":"ann"}]"#,
            r#"letters/index/by-state [{"S":"open"}]"#,
            r#"letters/index/by-state [{"S":"sent"}]"#,
        );
        for (before, after, expected) in [
            (None, Some(&open), vec![(table, 1.0), (o, 1.0)]),
            (None, Some(&out), vec![(table, 1.0)]),
            // The larger image counts, and only the table has the body.
            (Some(&open), Some(&noted), vec![(table, 2.0)]),
            (Some(&noted), Some(&open), vec![(table, 2.0)]),
            (Some(&open), Some(&later), vec![(table, 1.0), (o, 1.0), (o, 1.0)]),
            (Some(&open), Some(&sent), vec![(table, 1.0), (o, 1.0), (s, 1.0)]),
            (Some(&open), Some(&out), vec![(table, 1.0), (o, 1.0)]),
            (Some(&open), None, vec![(table, 1.0), (o, 1.0)]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(name, units)| (name.to_owned(), units)).collect();
            let key = schema.key(&open);
            let written = schema.written(&key, before, after, false);
            assert_eq!(units(written), expected, "{before:?} {after:?}");
        }
        let in_transaction = schema.written(&schema.key(&open), None, Some(&open), true);
        assert_eq!(units(in_transaction), [(table.to_owned(), 2.0), (o.to_owned(), 1.0)]);
    }
}
