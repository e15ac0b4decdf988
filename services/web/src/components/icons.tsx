import type { ReactNode } from "react";

// Our own small set, drawn on a 24-unit grid with one stroke width.
function icon(children: ReactNode) {
  return function Icon({ className }: { className?: string | undefined }) {
    return (
      <svg
        viewBox="0 0 24 24"
        width="20"
        height="20"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        className={className}
      >
        {children}
      </svg>
    );
  };
}

export const BackIcon = icon(<path d="M15 5l-7 7 7 7" />);
export const CheckIcon = icon(<path d="M5 12.5l4.5 4.5L19 7.5" />);
export const CloseIcon = icon(<path d="M6 6l12 12M18 6L6 18" />);
export const DownIcon = icon(<path d="M12 5v14M6 13l6 6 6-6" />);
export const DashIcon = icon(<path d="M7 12h10" />);
export const UndoIcon = icon(<path d="M8 5L4 9l4 4M4 9h10a5 5 0 010 10h-3" />);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="8" />
    <path d="M12 8v4l2.5 2" />
  </>,
);
export const DotsIcon = icon(<path d="M6.5 12h.01M12 12h.01M17.5 12h.01" strokeWidth="3" />);
export const TwinIcon = icon(
  <>
    <rect x="8.5" y="8.5" width="11" height="11" rx="2.5" />
    <path d="M5.5 15.5h-.3a.7.7 0 01-.7-.7V6a1.5 1.5 0 011.5-1.5h8.8a.7.7 0 01.7.7v.3" />
  </>,
);
export const EyeIcon = icon(
  <>
    <path d="M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z" />
    <circle cx="12" cy="12" r="2.8" />
  </>,
);
export const EyeOffIcon = icon(
  <>
    <path d="M4 4l16 16M9.9 5.8A9 9 0 0112 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 01-3 3.7M6.3 7.7A16 16 0 002.5 12S6 18.5 12 18.5a9 9 0 003.6-.75" />
  </>,
);
export const LinkIcon = icon(
  <path d="M10.5 13.5a3.6 3.6 0 005.1 0l3.1-3.1a3.6 3.6 0 00-5.1-5.1l-1 1M13.5 10.5a3.6 3.6 0 00-5.1 0l-3.1 3.1a3.6 3.6 0 005.1 5.1l1-1" />,
);
export const LobbyIcon = icon(
  <>
    <rect x="4" y="4" width="6.5" height="6.5" rx="1.8" />
    <rect x="13.5" y="4" width="6.5" height="6.5" rx="1.8" />
    <rect x="4" y="13.5" width="6.5" height="6.5" rx="1.8" />
    <rect x="13.5" y="13.5" width="6.5" height="6.5" rx="1.8" />
  </>,
);
export const TalkIcon = icon(<path d="M20 11.5a7.5 7.5 0 01-11 6.6L4.5 19.5l1.4-4.2A7.5 7.5 0 1120 11.5z" />);
export const PersonIcon = icon(
  <>
    <circle cx="12" cy="8.5" r="3.7" />
    <path d="M4.8 19.5a7.3 7.3 0 0114.4 0" />
  </>,
);
export const PeopleIcon = icon(
  <>
    <circle cx="9.5" cy="8.5" r="3.2" />
    <path d="M3.5 18.5a6.1 6.1 0 0112 0M15.5 5.6a3.2 3.2 0 010 5.8M17.5 14.2a6 6 0 013 4.3" />
  </>,
);
export const DoorIcon = icon(<path d="M10 4.5H6.5A1.5 1.5 0 005 6v12a1.5 1.5 0 001.5 1.5H10M15 8l4 4-4 4M18.5 12H10" />);
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />);
export const RefreshIcon = icon(<path d="M19.5 12a7.5 7.5 0 11-2.2-5.3L19.5 9M19.5 4.5V9H15" />);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="6.2" />
    <path d="M15.7 15.7L20 20" />
  </>,
);
export const SendIcon = icon(<path d="M12 19V5M6 11l6-6 6 6" strokeWidth="2.2" />);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="3.8" />
    <path d="M12 3v1.8M12 19.2V21M3 12h1.8M19.2 12H21M5.6 5.6l1.3 1.3M17.1 17.1l1.3 1.3M18.4 5.6l-1.3 1.3M6.9 17.1l-1.3 1.3" />
  </>,
);
export const MoonIcon = icon(<path d="M19.5 14.2A8 8 0 019.8 4.5a8 8 0 109.7 9.7z" />);
export const SystemIcon = icon(
  <>
    <circle cx="12" cy="12" r="8" />
    <path d="M12 4a8 8 0 010 16z" fill="currentColor" />
  </>,
);
