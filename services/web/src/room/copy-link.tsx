import { useEffect, useState } from "react";
import { IconButton } from "../components/button";
import { CheckIcon, LinkIcon } from "../components/icons";
import { useI18n } from "../i18n";

const toldFor = 3_000;

/** Copies the page's address, to invite somebody with. Browsers have no clipboard on plain http, and it no button there. */
export function CopyLink() {
  const { t } = useI18n();
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), toldFor);
    return () => clearTimeout(timer);
  }, [copied]);

  if (!navigator.clipboard) return null;
  return (
    <>
      <IconButton
        label={copied ? t("chat.link.copied") : t("chat.link")}
        onClick={() => void navigator.clipboard.writeText(location.href).then(() => setCopied(true), () => setCopied(false))}
        data-testid="copy-link"
      >
        {copied ? <CheckIcon /> : <LinkIcon />}
      </IconButton>
      <span className="sr-only" role="status">
        {copied && t("chat.link.copied")}
      </span>
    </>
  );
}
