import { useState } from "react";
import { hueOf, initialsOf } from "../lib/identity";
import s from "./avatar.module.css";

interface Props {
  id: string;
  name: string;
  imageUrl?: string | undefined;
  size?: "s" | "m" | "l";
}

/** A picture of somebody, or their initials on a colour that is theirs. The name stands beside it, so it is silent. */
export function Avatar({ id, name, imageUrl, size = "m" }: Props) {
  const [broken, setBroken] = useState("");
  const shown = imageUrl && imageUrl !== broken && imageUrl.startsWith("https://");
  return (
    <span className={`${s.avatar} ${s[size]}`} style={{ "--hue": hueOf(id) } as React.CSSProperties} aria-hidden="true">
      {shown ? (
        <img src={imageUrl} alt="" loading="lazy" referrerPolicy="no-referrer" onError={() => setBroken(imageUrl)} />
      ) : (
        initialsOf(name)
      )}
    </span>
  );
}
