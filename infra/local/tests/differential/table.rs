//! The tables of the template, as far as requests need to know them.

use local_aws::template::{DeploymentTarget, Template};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A table, and what its keys may be: few enough that requests meet.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) keys: Vec<Key>,
    pub(crate) indexes: Vec<Index>,
    /// As `CreateTable` takes it.
    pub(crate) definition: Value,
}

pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) keys: Vec<Key>,
}

/// A part of a key.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) values: Vec<Value>,
}

/// All that the template has.
pub(crate) fn all() -> Vec<Table> {
    let place = DeploymentTarget {
        stack: "hongyan".to_owned(),
        region: "us-east-1".to_owned(),
        account: "000000000000".to_owned(),
        api_id: "local".to_owned(),
        http: "http://localhost".to_owned(),
        aws: "http://localhost".to_owned(),
    };
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../aws/template.yaml"));
    let template = Template::read(path, &place, &BTreeMap::new(), &BTreeMap::new()).unwrap();
    template.tables.into_iter().map(Table::from_definition).collect()
}

impl Table {
    fn from_definition(mut definition: Value) -> Self {
        // Neither says anything of the items.
        let fields = definition.as_object_mut().unwrap();
        fields.retain(|name, _| {
            !["TimeToLiveSpecification", "DeletionProtectionEnabled", "StreamSpecification"]
                .contains(&name.as_str())
        });
        let keys = |of: &Value| -> Vec<Key> {
            let schema = of["KeySchema"].as_array().unwrap();
            let alone = schema.len() == 1;
            schema.iter().map(|key| Key::from_schema(key, alone, &definition)).collect()
        };
        let indexes = definition["GlobalSecondaryIndexes"].as_array();
        let indexes = indexes.into_iter().flatten().map(|index| Index {
            name: index["IndexName"].as_str().unwrap().to_owned(),
            keys: keys(index),
        });
        Self {
            name: definition["TableName"].as_str().unwrap().to_owned(),
            keys: keys(&definition),
            indexes: indexes.collect(),
            definition: definition.clone(),
        }
    }

    /// The part of an index's or the table's key that is called so.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        let mut keys = self.indexes.iter().flat_map(|index| &index.keys).chain(&self.keys);
        keys.find(|key| key.name == name)
    }
}

impl Key {
    fn from_schema(schema: &Value, alone: bool, definition: &Value) -> Self {
        let name = schema["AttributeName"].as_str().unwrap();
        let types = definition["AttributeDefinitions"].as_array().unwrap();
        let is = |it: &&Value| it["AttributeName"] == name;
        let kind = types.iter().find(is).unwrap()["AttributeType"].as_str().unwrap();
        let texts: &[&str] = match (schema["KeyType"] == "HASH", alone) {
            (true, true) => &["order-1", "order-2", "order-3", "order-4", "order-5", "order-6"],
            (true, false) => &["ann", "bob"],
            (false, _) => &["form#1", "form#2", "consent#1", "consent#2", "profile"],
        };
        let values = match kind {
            "N" => (0..12).map(|at| json!({ "N": (at * 3).to_string() })).collect(),
            _ => texts.iter().map(|text| json!({ "S": text })).collect(),
        };
        Self { name: name.to_owned(), values }
    }
}
