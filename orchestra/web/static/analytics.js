// Tells Google Analytics which kind of page is seen (I-40): of the address only the path, in which
// ids are replaced already, and never what stands in the title or where the reader came from.
{
  const { key, path } = document.currentScript.dataset;
  const page = {
    page_location: location.origin + path,
    page_path: path,
    page_title: path,
    page_referrer: "",
  };
  window.dataLayer = window.dataLayer || [];
  // The script of Google tells such calls from other data by the type of this object.
  const gtag = function () { window.dataLayer.push(arguments); };
  gtag("consent", "default", { ad_storage: "denied", ad_user_data: "denied", ad_personalization: "denied" });
  gtag("js", new Date());
  gtag("set", { ...page, allow_google_signals: false, allow_ad_personalization_signals: false });
  gtag("config", key, page);
}
