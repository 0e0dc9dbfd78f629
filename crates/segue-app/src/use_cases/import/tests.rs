use super::*;

#[test]
fn the_name_is_that_of_the_file_or_its_folder() {
    let of = |path: &str| name_of(Path::new(path));
    assert_eq!(of("a/source-github/manifest.yaml"), "github");
    assert_eq!(of("manifest.yaml"), "manifest");
    assert_eq!(of("x/Source_My-Shop.yaml"), "source_my_shop");
    assert_eq!(of("source_shop.yml"), "shop");
    assert_eq!(of("1.yaml"), "_1");
}

fn import(folder: &Path, manifest: &str, name: Option<&str>) -> Result<Imported> {
    std::fs::write(folder.join("shop.yaml"), manifest).unwrap();
    import_airbyte(&ImportRequest {
        file: "shop.yaml".into(),
        into: Some("project".into()),
        folder: folder.to_path_buf(),
        name: name.map(str::to_string),
    })
}

const ONE: &str = "streams:\n  - name: orders\n    retriever:\n      requester: { url_base: https://api.example.com, path: /orders, authenticator: { type: BearerAuthenticator, api_token: \"{{ config.token }}\" } }\n      record_selector: { extractor: { field_path: [orders] } }\n";

#[test]
fn a_project_is_made_where_there_is_none_and_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let done = import(folder.path(), ONE, None).unwrap();
    assert_eq!(
        done.written,
        ["segue.yaml", "connections/shop.yaml", "assets/shop/orders.yaml"]
    );
    assert_eq!(done.assets, [("orders".to_string(), "shop.orders".to_string())]);
    assert!(!done.is_partial() && done.needed.len() == 1 && done.needed[0].secret);
    let project = folder.path().join("project");
    assert_eq!(
        std::fs::read_to_string(project.join("segue.yaml")).unwrap(),
        "format: 1\nproject: project\n"
    );
    let loaded = crate::load::load(&project).unwrap();
    assert_eq!(loaded.mistakes(), 0, "{:?}", loaded.diagnostics);
    std::fs::write(project.join("assets/shop/orders.yaml"), "asset: shop.orders\n").unwrap();
    let again = import(folder.path(), ONE, None).unwrap();
    assert_eq!((again.written.len(), again.there.len()), (0, 2));
    assert_eq!(
        std::fs::read_to_string(project.join("assets/shop/orders.yaml")).unwrap(),
        "asset: shop.orders\n"
    );
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let code = |done: Result<Imported>| done.unwrap_err().error_code();
    assert_eq!(code(import(folder.path(), "a: 1\n", None)), Some(IMPORT_UNREADABLE));
    let custom = "streams:\n  - { name: a, retriever: { type: CustomRetriever, class_name: x.Y } }\n";
    let error = import(folder.path(), custom, None).unwrap_err();
    assert_eq!(error.error_code(), Some(IMPORT_NOTHING));
    assert!(error.to_text().contains("line 2"), "{}", error.to_text());
    assert!(!folder.path().join("project").exists());
    let error = import(folder.path(), ONE, Some("No Name")).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let project = folder.path().join("project/connections");
    std::fs::create_dir_all(&project).unwrap();
    std::fs::write(
        project.join("other.yaml"),
        "connection: shop\nkind: sqlite\npath: ./x.db\n",
    )
    .unwrap();
    assert_eq!(code(import(folder.path(), ONE, None)), Some(IMPORT_REFUSED));
    assert!(!project.join("shop.yaml").exists());
    assert!(!folder.path().join("project/segue.yaml").exists());
}
