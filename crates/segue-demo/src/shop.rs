//! The shop project's files: an online shop's products, read from files, and a chat that answers from them. It needs no server.

macro_rules! embedded {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../projects/shop/", $path)))),*] };
}

/// Every file: its path in the project's folder, with `/` between the parts, and its text.
pub fn files() -> &'static [(&'static str, &'static str)] {
    embedded![
        "segue.yaml",
        "README.md",
        ".gitignore",
        "data/products.csv",
        "data/reviews.csv",
        "assets/raw/products.yaml",
        "assets/raw/reviews.yaml",
        "assets/shop/products.sql",
        "assets/shop/similar_products.sql",
        "chats/shop.yaml",
    ]
}

#[cfg(test)]
mod tests {
    use super::files;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("projects/shop");
        let mut left = vec![root.clone()];
        let mut found = BTreeSet::new();
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                found.insert(path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
        let embedded: BTreeSet<String> = files().iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(embedded, found);
        assert_eq!(embedded.len(), files().len());
    }
}
